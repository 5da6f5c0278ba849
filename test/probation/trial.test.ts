import { describe, expect, test } from 'vitest';
import { beginTrial, closeTrial, type Run, type Standing, type Trial } from '../../src/probation/trial.ts';

/** Runs that end as they are told to, over one record, as on disk. */
class Lives {
  record: Trial | undefined;
  trustedHash: string | undefined;
  version = '1';
  #runs = 0;
  #alive = new Set<number>();

  begin(hash: string): Standing {
    const run: Run = { pid: ++this.#runs, startedMs: 0 };
    const { standing, trial } = beginTrial(this.record, {
      hash,
      version: this.version,
      run,
      isRunning: ({ pid }) => this.#alive.has(pid),
      trustedHash: this.trustedHash,
    });
    this.record = trial;
    this.#alive.add(run.pid);
    return standing;
  }

  die(): void {
    this.#alive.delete(this.#runs);
  }

  end(): void {
    if (this.record !== undefined) this.record = closeTrial(this.record);
    this.die();
  }
}

describe('rules on trial', () => {
  test('are set aside by the third start after two deaths', () => {
    const lives = new Lives();
    lives.trustedHash = 'good';
    const standings = [1, 2, 3].map(() => {
      const standing = lives.begin('bad');
      lives.die();
      return standing;
    });
    expect(standings).toEqual(['trying', 'trying', 'set_aside']);
  });

  test('are forgiven a death by an orderly end', () => {
    const lives = new Lives();
    lives.begin('bad');
    lives.die();
    lives.begin('bad');
    lives.end();
    lives.begin('bad');
    lives.die();
    expect(lives.begin('bad')).toBe('trying');
  });

  test('are not blamed for a run that goes on beside the next', () => {
    const lives = new Lives();
    for (let i = 0; i < 5; i++) expect(lives.begin('new')).toBe('trying');
  });

  test('stay set aside over orderly ends, until their files or the agent are others', () => {
    const lives = new Lives();
    for (let i = 0; i < 2; i++) {
      lives.begin('bad');
      lives.die();
    }
    for (let i = 0; i < 3; i++) {
      expect(lives.begin('bad')).toBe('set_aside');
      lives.end();
    }
    lives.version = '2';
    expect(lives.begin('bad')).toBe('trying');
    lives.die();
    expect(lives.begin('changed')).toBe('trying');
  });

  test('are not even parsed after two more deaths, if nothing else is there to stand in', () => {
    const lives = new Lives();
    const standings = Array.from({ length: 5 }, () => {
      const standing = lives.begin('bad');
      lives.die();
      return standing;
    });
    expect(standings).toEqual(['trying', 'trying', 'set_aside', 'set_aside', 'nothing']);
    lives.trustedHash = 'good';
    expect(lives.begin('bad'), 'the trusted ones go on standing in, whatever kills them').toBe('set_aside');
  });

  test('that have passed need no trial, and end that of others', () => {
    const lives = new Lives();
    lives.begin('bad');
    lives.die();
    lives.trustedHash = 'good';
    expect(lives.begin('good')).toBe('passed');
    expect(lives.record).toBeUndefined();
    lives.die();
    expect(lives.begin('good')).toBe('passed');
  });

  test('that denied too much come back in shadow mode', () => {
    const lives = new Lives();
    lives.begin('harsh');
    if (lives.record !== undefined) lives.record = { ...lives.record, state: 'shadowed' };
    lives.end();
    expect(lives.begin('harsh')).toBe('shadowed');
  });
});
