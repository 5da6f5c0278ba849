import { describe, expect, it } from 'vitest';
import { ES_EVENT_TYPES } from '../../src/events/es-event-types.ts';
import { findFact, nearestFact, offered, triggersOf, whereOffered } from '../../src/events/fact-table.ts';

describe('the fact table', () => {
  it('has the 148 types of macOS 26, each number once', () => {
    expect(ES_EVENT_TYPES).toHaveLength(148);
    ES_EVENT_TYPES.forEach((type, number) => {
      expect(type.number).toBe(number);
    });
    expect(new Set(ES_EVENT_TYPES.map(({ kind, name }) => `${kind}.${name}`)).size).toBe(148);
  });

  it('offers no arguments in a Linux auth.exec, and says where there are some', () => {
    for (const name of ['process.args', 'process.command_line', 'process.env_vars']) {
      expect(findFact(name, 'auth.exec', 'linux'), name).toBeUndefined();
      expect(findFact(name, 'auth.exec', 'macos'), name).toBeDefined();
      expect(whereOffered(name)).toContainEqual({ trigger: 'notify.exec', platform: 'linux' });
    }
    expect(findFact('process.parent.args', 'auth.exec', 'linux')).toBeDefined();
    expect(findFact('process.previous.command_line', 'auth.exec', 'linux')).toBeDefined();
  });

  it('offers on Linux what the bridge sends, and no more', () => {
    expect(triggersOf('linux')).not.toContain('notify.write');
    expect(findFact('process.env_vars', 'notify.exec', 'linux')).toBeDefined();
    expect(findFact('file.inode', 'notify.create', 'linux')).toBeDefined();
    for (const name of [
      'file.hash.sha256',
      'process.tty.name',
      'process.parent.working_directory',
      'event.code',
    ]) {
      expect(findFact(name, 'notify.exec', 'linux'), name).toBeUndefined();
    }
    expect(findFact('file.inode', 'notify.unlink', 'linux')).toBeUndefined();
    expect(findFact('process.previous.executable', 'notify.open', 'linux')).toBeUndefined();
  });

  it('offers the host, told once a batch, where rules see the batch', () => {
    expect(findFact('host.name', 'notify.exec', 'linux')?.type).toBe('text');
    expect(findFact('host.name', 'auth.exec', 'linux')).toBeUndefined();
    expect(findFact('host.os.type', 'auth.exec', 'linux')?.mayBeMissing).toBe(false);
    expect(whereOffered('host.boot.id')).toContainEqual({ trigger: 'notify.exec', platform: 'linux' });
  });

  it('offers es.<anything> on macOS alone', () => {
    expect(
      findFact('es.event.btm_launch_item_add.item.item_url', 'notify.btm_launch_item_add', 'macos')?.type,
    ).toBe('any');
    expect(findFact('es.thread.thread_id', 'notify.exec', 'linux')).toBeUndefined();
    expect(findFact('es..x', 'notify.exec', 'macos')).toBeUndefined();
  });

  it('offers file where a file is acted on, and a second name where there are two', () => {
    expect(findFact('file.path', 'notify.open', 'linux')).toBeDefined();
    expect(findFact('file.path', 'notify.fork', 'linux')).toBeUndefined();
    expect(findFact('file.target_path', 'notify.rename', 'macos')).toBeDefined();
    expect(findFact('file.target_path', 'notify.open', 'macos')).toBeUndefined();
    expect(findFact('file.path', 'notify.of_tomorrow', 'macos')).toBeDefined();
  });

  it('knows what a verdict may be cached by: in exec the program is content, elsewhere it is the actor', () => {
    expect(findFact('process.code_signature.team_id', 'auth.exec', 'macos')?.property).toBe('content');
    expect(findFact('process.code_signature.team_id', 'auth.open', 'macos')?.property).toBe('actor');
    expect(findFact('process.executable', 'auth.exec', 'linux')?.property).toBe('path');
    expect(findFact('process.parent.executable', 'auth.exec', 'linux')?.property).toBe('actor');
    expect(findFact('file.hash.sha256', 'auth.open', 'macos')?.property).toBe('content');
  });

  it('knows whole objects, and lists leaves only', () => {
    expect(findFact('process', 'notify.exec', 'linux')?.type).toBe('object');
    expect(findFact('process.parent.user', 'notify.exec', 'linux')?.type).toBe('object');
    expect(offered('notify.exec', 'linux').every(({ type }) => type !== 'object')).toBe(true);
  });

  it('guesses what was meant', () => {
    expect(nearestFact('process.comand_line', 'notify.exec', 'linux')).toBe('process.command_line');
    expect(nearestFact('process.exectuable', 'auth.exec', 'linux')).toBe('process.executable');
    expect(nearestFact('executable', 'auth.exec', 'linux')).toBe('process.executable');
    expect(nearestFact('registry.path.of.windows', 'auth.exec', 'linux')).toBeUndefined();
  });

  it('describes every fact of every trigger', () => {
    for (const platform of ['linux', 'macos'] as const) {
      for (const trigger of triggersOf(platform)) {
        const facts = offered(trigger, platform);
        expect(facts.length, trigger).toBeGreaterThan(5);
        for (const { name, description } of facts) expect(description, name).not.toBe('');
      }
    }
  });
});
