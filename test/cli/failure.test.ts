import { CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { CommandError, describeError, exitCodeOf } from '../../src/cli/failure.ts';
import { RuleFileError } from '../../src/rules/rule-problem.ts';

describe('exit codes', () => {
  test('help is success, a wrong command line is 2, anything unexpected is 3', () => {
    expect(exitCodeOf(new CommanderError(0, 'commander.helpDisplayed', ''))).toBe(0);
    expect(exitCodeOf(new CommanderError(1, 'commander.unknownOption', ''))).toBe(2);
    expect(exitCodeOf(new Error('bug'))).toBe(3);
    expect(exitCodeOf('thrown text')).toBe(3);
  });

  test('an error that knows its exit code keeps it', () => {
    expect(exitCodeOf(new CommandError('wrong input', 1))).toBe(1);
    expect(exitCodeOf(new RuleFileError([]))).toBe(1);
  });
});

describe('what a person reads', () => {
  test('is the message with those of its causes, each once, and no stack', () => {
    const cause = new Error('connection refused');
    const error = new CommandError('cannot reach NATS', 1, { cause });
    expect(describeError(error, false)).toBe('cannot reach NATS: connection refused');
    const repeating = new Error('cannot reach NATS (connection refused)', { cause });
    expect(describeError(repeating, false)).toBe('cannot reach NATS (connection refused)');
  });

  test('has what the system said once: of what was tried, and not of an error that explains it', () => {
    const missing = Object.assign(new Error("ENOENT: no such file or directory, open 'x'"), {
      code: 'ENOENT',
      errno: -2,
      syscall: 'open',
    });
    const plain = new CommandError("x can't be read", 1, { cause: missing });
    expect(describeError(plain, false)).toBe("x can't be read: it does not exist");
    const explained = new Error('there is no x: make one', { cause: missing });
    expect(describeError(new CommandError(explained.message, 1, { cause: explained }), false)).toBe(
      'there is no x: make one',
    );
  });

  test('has the stacks of all causes where they were asked for', () => {
    const text = describeError(new Error('outer', { cause: new Error('inner') }), true);
    expect(text).toContain('outer\n    at ');
    expect(text).toContain('caused by Error: inner\n    at ');
  });
});
