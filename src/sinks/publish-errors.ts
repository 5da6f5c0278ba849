// What an error of JetStream means for the person who runs the agent.
import { JetStreamApiError } from '@nats-io/jetstream';
import { PermissionViolationError } from '@nats-io/transport-node';

/** The server's codes that need a person: a missing or another stream, and limits. */
const WRONG_STREAM = 10060;
const STREAM_NOT_FOUND = 10059;

/** The server, or its having nobody to ask, says that this attempt stored nothing; any other error leaves it open. */
export function isRefusal(error: unknown): boolean {
  return error instanceof JetStreamApiError || isUnanswered(error);
}

export function adviceFor(error: unknown, stream: string): string {
  const denied = deniedBy(error);
  if (denied !== undefined) return denied;
  if (isUnanswered(error))
    return `no stream takes this subject (or JetStream is off); create it with: picket stream setup --stream ${stream}`;
  if (error instanceof JetStreamApiError) {
    if (error.code === WRONG_STREAM || error.code === STREAM_NOT_FOUND)
      return `another stream than ${stream} takes this subject, or there is none; see: picket stream setup --stream ${stream}`;
    return `the server refuses: ${error.message}`;
  }
  if (error instanceof Error && error.name === 'TimeoutError') return 'no acknowledgement in time';
  return error instanceof Error ? error.message : String(error);
}

/** The same for the question which message was stored last: a stream that is not there leaves it without an answer. */
export function adviceForReadBack(error: unknown, stream: string): string {
  const isSilence =
    error instanceof Error && (error.name === 'TimeoutError' || error.name === 'RequestError');
  if (!isSilence || deniedBy(error) !== undefined) return adviceFor(error, stream);
  return `the stream ${stream} does not answer; if it is missing, create it with: picket stream setup --stream ${stream}`;
}

/** Of an attempt to connect. */
export function adviceForDial(error: unknown): string {
  if (error instanceof Error && error.name === 'AuthorizationError')
    return 'the server refuses the credentials (nats.user and nats.password, nats.token or nats.credentials_file)';
  return error instanceof Error ? error.message : String(error);
}

function deniedBy(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause)
    if (current instanceof PermissionViolationError)
      return `the server does not let this user ${current.operation} ${current.subject}; permit it there`;
  return undefined;
}

/** The client's name for "no responders"; it does not export the class. */
function isUnanswered(error: unknown): boolean {
  return error instanceof Error && error.name === 'JetStreamNotEnabled';
}
