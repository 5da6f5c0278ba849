// The limit of a replay in Node: each line of stdin parsed and printed again, and nothing else.
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';

const LINES_A_WRITE = 256;

async function* again(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let text: string[] = [];
  for await (const line of lines) {
    text.push(JSON.stringify(JSON.parse(line)));
    if (text.length < LINES_A_WRITE) continue;
    yield `${text.join('\n')}\n`;
    text = [];
  }
  yield `${text.join('\n')}\n`;
}

await pipeline(again(createInterface({ input: process.stdin })), process.stdout);
