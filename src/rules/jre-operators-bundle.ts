// Picket's operators as one file that needs nothing but Node, as an ES module and for `require`.

import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface OperatorsBundle {
  readonly esModule: string;
  readonly commonJs: string;
}

export async function bundleOperators(): Promise<OperatorsBundle> {
  const [esModule, commonJs] = await Promise.all([bundle('esm'), bundle('cjs')]);
  return { esModule, commonJs };
}

async function bundle(format: 'esm' | 'cjs'): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('jre-operators.ts', import.meta.url))],
    // The bundle names its sources from here on, wherever the command was called.
    absWorkingDir: fileURLToPath(new URL('../..', import.meta.url)),
    bundle: true,
    platform: 'node',
    target: 'node18',
    format,
    write: false,
    legalComments: 'inline',
    logLevel: 'silent',
    banner: { js: BANNER },
  });
  return outputFiles[0]?.text ?? '';
}

const BANNER = `// Picket's operators for json-rules-engine: register(engine) adds them. Written by "picket rules export".`;
