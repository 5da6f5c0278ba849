// Builds src/rules/json-rules-engine.ts for those who use json-rules-engine today: one file for `require`, with everything
// in it, and an ES module around it, so that both ways of importing see the same classes.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const ES_MODULE = `import adapter from './json-rules-engine.cjs';

export const { Almanac, Engine, Fact, Operator, OperatorDecorator, Rule } = adapter;
export default adapter.default;
`;

// Its public face is json-rules-engine's own, and so are its types.
const TYPES = `export * from 'json-rules-engine';
export { default } from 'json-rules-engine';
`;

export async function buildAdapter(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/rules/json-rules-engine.ts'],
    outfile: join(folder, 'json-rules-engine.cjs'),
    bundle: true,
    platform: 'node',
    target: 'node18',
    format: 'cjs',
    // What users print and what their errors say.
    keepNames: true,
    legalComments: 'inline',
    logLevel: 'warning',
  });
  await writeFile(join(folder, 'json-rules-engine.mjs'), ES_MODULE);
  for (const extension of ['d.cts', 'd.mts']) {
    await writeFile(join(folder, `json-rules-engine.${extension}`), TYPES);
  }
}

if (import.meta.main) {
  await buildAdapter(join(ROOT, 'dist'));
  process.stderr.write('dist/json-rules-engine.cjs for require, and .mjs for import\n');
}
