import { describe, expect, it } from 'vitest';
import { parseAuditRecord } from '../../src/events/audit-record.ts';

const HEAD = 'msg=audit(1700000000.123:4711):';

describe('an audit record', () => {
  it('is its type and its fields, those of the enriched format included', () => {
    const line =
      `type=SYSCALL ${HEAD} arch=c000003e syscall=99 success=yes exit=0 a0=7ffe ppid=1 auid=1000 uid=0 tty=(none) ` +
      `comm="splunkd" exe="/opt/splunk/bin/splunkd" key="k"\x1dARCH=x86_64 SYSCALL=sysinfo AUID="alice" UID="root"`;
    expect(parseAuditRecord(line)).toEqual({
      record_type: 'SYSCALL',
      arch: 'c000003e',
      syscall: '99',
      success: 'yes',
      exit: '0',
      a0: '7ffe',
      ppid: '1',
      auid: '1000',
      uid: '0',
      tty: '(none)',
      comm: 'splunkd',
      exe: '/opt/splunk/bin/splunkd',
      key: 'k',
      ARCH: 'x86_64',
      SYSCALL: 'sysinfo',
      AUID: 'alice',
      UID: 'root',
    });
  });

  it('is read inside of msg, too', () => {
    const line =
      `node=web-1 type=ADD_USER ${HEAD} pid=1 uid=0 auid=1000 ses=3 subj=unconfined msg='op=add-user acct="o'brien" ` +
      `exe="/usr/sbin/useradd" hostname=? addr=? terminal=pts/0 res=success'`;
    expect(parseAuditRecord(line)).toMatchObject({
      record_type: 'ADD_USER',
      op: 'add-user',
      acct: "o'brien",
      exe: '/usr/sbin/useradd',
      hostname: '?',
      terminal: 'pts/0',
      res: 'success',
    });
  });

  it('is decoded where auditd writes hexadecimal, and only there', () => {
    const hex = (text: string): string => Buffer.from(text).toString('hex').toUpperCase();
    const path = parseAuditRecord(
      `type=PATH ${HEAD} item=0 name=${hex('/tmp/a b ü')} inode=1234 mode=0100644`,
    );
    expect(path).toMatchObject({ name: '/tmp/a b ü', inode: '1234', mode: '0100644' });
    expect(parseAuditRecord(`type=EXECVE ${HEAD} argc=2 a0="sh" a1=${hex('-c "x"')}`)).toMatchObject({
      a0: 'sh',
      a1: '-c "x"',
    });
    expect(parseAuditRecord(`type=SYSCALL ${HEAD} a0=26`)).toMatchObject({ a0: '26' });
    expect(parseAuditRecord(`type=PROCTITLE ${HEAD} proctitle=${hex('ls\0-l\0')}`)).toMatchObject({
      proctitle: 'ls -l',
    });
  });

  it('lacks what auditd says is not there', () => {
    expect(parseAuditRecord(`type=PATH ${HEAD} item=0 name=(null) key=(null)`)).toEqual({
      record_type: 'PATH',
      item: '0',
    });
  });

  it('has the form of the journal, too', () => {
    expect(
      parseAuditRecord('SERVICE_STOP pid=1 uid=0 auid=4294967295 msg=\'unit=ufw comm="systemd"\''),
    ).toMatchObject({
      record_type: 'SERVICE_STOP',
      unit: 'ufw',
      comm: 'systemd',
    });
    expect(parseAuditRecord('TTY tty pid=1 uid=0 data=6C730D')).toMatchObject({ data: 'ls\r' });
    expect(parseAuditRecord('AVC avc:  denied  { read } for  pid=7 comm="x" name="shadow"')).toMatchObject({
      name: 'shadow',
    });
  });

  it.each([
    'Failed password for root from 198.51.100.7',
    'ERROR colour=blue',
    'sudo: COMMAND=/bin/echo type=ADD_USER msg=audit(1.2:3): op=x',
    'type=PATH name="/etc/shadow"',
    '',
  ])('is no other line: %s', (line) => {
    expect(parseAuditRecord(line)).toBeUndefined();
  });
});
