// Why a connection to the bridge ended or never came about, each with what a person can do about it.
import { reasonOf } from '../system-error.ts';

/** Nothing listens at the socket, or this user may not open it. */
export class BridgeUnreachableError extends Error {
  readonly socketPath: string;

  constructor(socketPath: string, cause: Error) {
    super(`cannot reach the bridge at ${socketPath}: ${adviceFor(cause)}`, { cause });
    this.name = 'BridgeUnreachableError';
    this.socketPath = socketPath;
  }
}

/** The bridge answered, and does not want this agent. */
export class BridgeRefusedError extends Error {
  readonly reason: string;

  constructor(socketPath: string, reason: string) {
    super(`the bridge at ${socketPath} refused this agent: ${reason}`);
    this.name = 'BridgeRefusedError';
    this.reason = reason;
  }
}

/** Another agent speaks for this bridge now. Final: two agents that both came back would take turns for ever. */
export class BridgeTakenOverError extends Error {
  constructor(socketPath: string, reason: string) {
    super(`the bridge at ${socketPath} has another agent now: ${reason}`);
    this.name = 'BridgeTakenOverError';
  }
}

/** The connection was there and has ended: the bridge stopped, or the way to it broke. */
export class BridgeClosedError extends Error {
  constructor(socketPath: string, how: string, options?: ErrorOptions) {
    super(`the connection to the bridge at ${socketPath} ended: ${how}`, options);
    this.name = 'BridgeClosedError';
  }
}

/** The bridge said something that this protocol does not allow. */
export class BridgeProtocolError extends Error {
  constructor(socketPath: string, what: string, options?: ErrorOptions) {
    super(`the bridge at ${socketPath} broke the protocol: ${what}`, options);
    this.name = 'BridgeProtocolError';
  }
}

function adviceFor(cause: NodeJS.ErrnoException): string {
  switch (cause.code) {
    case 'ENOENT':
      return 'there is no socket; is picket-bridge running, and with the same --socket?';
    case 'ECONNREFUSED':
      return 'the socket is left over, nobody listens; start picket-bridge';
    case 'EACCES':
    case 'EPERM':
      return "this user may not open it; run as the bridge's --agent-uid";
    case 'EINVAL':
      return 'its path is too long for a socket, a bridge takes 98 bytes at most; correct bridge.socket';
    default:
      return reasonOf(cause);
  }
}
