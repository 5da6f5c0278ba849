// What an error of JetStream means for the person who runs the agent.
import { JetStreamApiError } from '@nats-io/jetstream';

/** The server's codes that need a person: a missing or another stream, and limits. */
const WRONG_STREAM = 10060;
const STREAM_NOT_FOUND = 10059;

export function adviceFor(error: unknown, stream: string): string {
  // The client's name for "no responders"; it does not export the class.
  if (error instanceof Error && error.name === 'JetStreamNotEnabled')
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
  const isUnanswered =
    error instanceof Error && (error.name === 'TimeoutError' || error.name === 'RequestError');
  if (!isUnanswered) return adviceFor(error, stream);
  return `the stream ${stream} does not answer; if it is missing, create it with: picket stream setup --stream ${stream}`;
}
