// The ATT&CK techniques that the shipped rules name, by the tactics that each belongs to, as of ATT&CK 18:
// https://attack.mitre.org/versions/v18/. Kept by hand, so that a mistyped number or a wrong tactic is noticed.

const TECHNIQUES_BY_TACTICS: readonly (readonly [tactics: string, techniques: string])[] = [
  ['collection', 'T1560.001'],
  ['collection credential_access', 'T1056.001 T1056.002'],
  ['command_and_control', 'T1071.004 T1090 T1090.003 T1095 T1102 T1105 T1571 T1572'],
  ['credential_access', 'T1003 T1003.007 T1003.008 T1110 T1110.001 T1539 T1552.001 T1552.004 T1552.005 T1555.001 T1555.003'],
  ['credential_access defense_evasion persistence', 'T1556 T1556.003'],
  ['credential_access discovery', 'T1040'],
  ['defense_evasion', 'T1014 T1027 T1036.004 T1070.002 T1070.003 T1140 T1218 T1222.002 T1553.001 T1553.002 T1553.004 T1562.001 T1562.004 T1562.012 T1564.001 T1564.002 T1564.013'],
  ['defense_evasion execution', 'T1610'],
  ['defense_evasion initial_access persistence privilege_escalation', 'T1078.003'],
  ['defense_evasion persistence privilege_escalation', 'T1574.006'],
  ['defense_evasion privilege_escalation', 'T1055 T1055.008 T1548.001 T1548.003 T1548.006'],
  ['discovery', 'T1018 T1087.001 T1482'],
  ['execution', 'T1059 T1059.002 T1059.004 T1059.006 T1204.002 T1204.004 T1569.001'],
  ['execution persistence privilege_escalation', 'T1053.003 T1053.006'],
  ['exfiltration', 'T1041 T1048.003 T1567'],
  ['impact', 'T1496 T1496.001'],
  ['initial_access', 'T1190 T1566.001'],
  ['lateral_movement', 'T1021 T1021.004 T1021.005'],
  ['persistence', 'T1136.001 T1505.003 T1554'],
  ['persistence privilege_escalation', 'T1037.002 T1098.004 T1098.007 T1543.001 T1543.002 T1543.004 T1546.004 T1547.006'],
  ['privilege_escalation', 'T1068 T1611'],
];

/** By id, as `T1059.004`. */
export const TACTICS_OF_TECHNIQUE: ReadonlyMap<string, readonly string[]> = new Map(
  TECHNIQUES_BY_TACTICS.flatMap(([tactics, techniques]) =>
    techniques.split(' ').map((technique) => [technique, tactics.split(' ')] as const),
  ),
);
