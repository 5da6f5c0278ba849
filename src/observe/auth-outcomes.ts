// What became of every authorization request since the bridge started, as it counts: for each action who answered and
// what. Each request is in exactly one of the answers, or not answered yet. The names are those of `picket.auth` in events.
import type { picket } from '../events/proto/picket.js';
import { ANSWER_LEVELS, VERDICTS } from '../events/wire-table.ts';

export interface AuthOutcomes {
  readonly actions: readonly ActionOutcomes[];
  /** Verdicts of the agent that came after another answer, or on nothing that was asked: never applied. */
  readonly lateVerdicts: number;
  readonly unknownVerdicts: number;
  /** Among the answers: whoever had waited was gone. */
  readonly unheardAnswers: number;
  /** The breaker: defaults at once, for the agent is stalled. */
  readonly isBreakerOpen: boolean;
  readonly breakerOpened: number;
  readonly hashes: HashCounts;
}

/** Of contents that rules asked for, since the bridge started. */
interface HashCounts {
  readonly computed: number;
  /** Known at once, by a lease. */
  readonly remembered: number;
  /** Among those computed: of a file that was open for writing. */
  readonly unstable: number;
  /** There is none: too large, on another filesystem, unreadable. */
  readonly absent: number;
  /** A budget was over before, or an audit was told without. */
  readonly late: number;
}

export interface ActionOutcomes {
  readonly action: string;
  readonly requests: number;
  /** At the moment of counting. */
  readonly unanswered: number;
  /** `by`: agent, static, default_deadline, … */
  readonly answers: readonly { readonly by: string; readonly verdict: string; readonly count: number }[];
}

export function authOutcomesOf(statistics: picket.v1.IBridgeStatistics): AuthOutcomes {
  return {
    actions: (statistics.requests ?? []).map(({ action, count }) =>
      outcomesOf(action ?? '', Number(count ?? 0), statistics.answers ?? []),
    ),
    lateVerdicts: Number(statistics.lateVerdicts ?? 0),
    unknownVerdicts: Number(statistics.unknownVerdicts ?? 0),
    unheardAnswers: Number(statistics.unheardAnswers ?? 0),
    isBreakerOpen: statistics.breakerOpen ?? false,
    breakerOpened: Number(statistics.breakerOpened ?? 0),
    hashes: hashCountsOf(statistics.hashes ?? {}),
  };
}

function hashCountsOf(hashes: picket.v1.BridgeStatistics.IHashes): HashCounts {
  return {
    computed: Number(hashes.computed ?? 0),
    remembered: Number(hashes.remembered ?? 0),
    unstable: Number(hashes.unstable ?? 0),
    absent: Number(hashes.absent ?? 0),
    late: Number(hashes.late ?? 0),
  };
}

function outcomesOf(
  action: string,
  requests: number,
  all: readonly picket.v1.BridgeStatistics.IAnswers[],
): ActionOutcomes {
  const answers = all
    .filter((answer) => answer.action === action)
    .map(({ level, verdict, count }) => ({
      by: ANSWER_LEVELS[level ?? 0] ?? String(level),
      verdict: VERDICTS[verdict ?? 0] ?? String(verdict),
      count: Number(count ?? 0),
    }));
  const answered = answers.reduce((sum, { count }) => sum + count, 0);
  return { action, requests, unanswered: requests - answered, answers };
}
