// What an error of JetStream means for the person who runs the agent.
import { JetStreamApiError } from '@nats-io/jetstream';

/** The server's codes that need a person: a missing or another stream, and limits. */
const WRONG_STREAM = 10060;
const STREAM_NOT_FOUND = 10059;

/** The server, or its having nobody to ask, says that this attempt stored nothing; any other error leaves it open. */
export function isRefusal(error: unknown): boolean {
  return error instanceof JetStreamApiError || isUnanswered(error);
}

export function adviceFor(error: unknown, stream: string): string {
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
  if (!isSilence) return adviceFor(error, stream);
  return `the stream ${stream} does not answer; if it is missing, create it with: picket stream setup --stream ${stream}`;
}

/** The client's name for "no responders"; it does not export the class. */
function isUnanswered(error: unknown): boolean {
  return error instanceof Error && error.name === 'JetStreamNotEnabled';
}
