// A condition of json-rules-engine in its compiled form: its truth, the tree that its result reports, and the turns after
// which json-rules-engine would know it.
//
// Turns: json-rules-engine evaluates the rules of one priority side by side, and a deeper condition is known some turns
// of the promise queue later than a flat one. That is the order of its results and events, so it is counted, as its code
// makes it; each number in these files says what it stands for.

import type { Frame } from './frame.ts';
import type { ConditionNode } from './original.ts';

export interface CompiledCondition {
  test(frame: Frame): boolean;
  /** Turns from its evaluation to its result. */
  turns(frame: Frame): number;
  /** The same where every fact exists and no part can be skipped; undefined: it depends. */
  readonly fixedTurns: number | undefined;
  /** The most turns that it can take, and the last in which json-rules-engine may read a fact for it. */
  readonly most: { readonly turns: number; readonly reading: number };
  /** A copy of the condition with the results of all that json-rules-engine would have evaluated. */
  tree(frame: Frame): ConditionNode;
  /** A copy without results. */
  copy(): ConditionNode;
  /** Whether the user's objects still say what was compiled. */
  isCurrent(): boolean;
}
