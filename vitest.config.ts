import { defineConfig } from 'vitest/config';

/** These mostly wait: for a watchdog's seconds, for an agent to start. What they assert holds beside others of their kind. */
const PATIENT = [
  'watchdog',
  'dying',
  'hostile',
  'demo',
  'way-out',
  'crashing-rules',
  'peers',
  'cli',
  'tail',
].map((name) => `test/system/${name}.test.ts`);

export default defineConfig({
  test: {
    // Bounds tell that something hangs, on a machine that is busy with other things as well.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    // One group after another. Two at once, for two cores; of those that wait three.
    projects: [
      {
        extends: true,
        test: {
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: ['test/system/**', 'test/auth/**'],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'patient', include: PATIENT, maxWorkers: 3, sequence: { groupOrder: 1 } },
      },
      {
        // They measure waits, mark what others mount, or take the machine's memory and processors.
        extends: true,
        test: {
          name: 'alone',
          include: ['test/system/**/*.test.ts'],
          exclude: PATIENT,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // They block threads in read(2). `npm test` runs them by themselves, before all others.
        extends: true,
        test: {
          name: 'lane',
          include: ['test/auth/**/*.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
