// Frames of the auth lane's FIFOs as the bridge makes and reads them, by protobufjs: the other side of our own codec.
import Long from 'long';
import { picket } from '../../src/events/proto/picket.js';

export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(4 + message.length);
  frame.writeUInt32LE(message.length);
  frame.set(message, 4);
  return frame;
}

export function toAgent(message: picket.v1.ILaneToAgent): Buffer {
  return framed(picket.v1.LaneToAgent.encode(message).finish());
}

export function requestFrame(id: bigint, epoch: number, event: Uint8Array, budgetUs = 100_000): Buffer {
  return toAgent({ authRequest: { id: long(id), epoch: long(epoch), budgetUs, event } });
}

export function switchFrame(epoch: number): Buffer {
  return toAgent({ policySwitch: { epoch: long(epoch) } });
}

export function pingFrame(number: number): Buffer {
  return toAgent({ ping: { number: long(number) } });
}

/** An encoded auth event with what the rules of these tests look at. */
export function authEvent(path: string, action = 'open', executable = '/usr/bin/cat'): Uint8Array {
  return picket.v1.Event.encode({
    createdNs: Long.fromString('1700000000000000000', true),
    kind: picket.v1.EventKind.EVENT_KIND_AUTH,
    action,
    platform: picket.v1.Platform.PLATFORM_LINUX,
    process: { executable: Buffer.from(executable), pid: 4242 },
    file: { path: Buffer.from(path) },
  }).finish();
}

/** Splits what the lane wrote; the rest that is no whole frame comes back too. */
export function verdictsIn(bytes: Buffer): { messages: picket.v1.LaneToBridge[]; rest: Buffer } {
  const messages: picket.v1.LaneToBridge[] = [];
  let at = 0;
  while (bytes.length - at >= 4) {
    const end = at + 4 + bytes.readUInt32LE(at);
    if (end > bytes.length) break;
    messages.push(picket.v1.LaneToBridge.decode(bytes.subarray(at + 4, end)));
    at = end;
  }
  return { messages, rest: bytes.subarray(at) };
}

export function idOf(verdict: picket.v1.IAuthVerdict): bigint {
  return BigInt(String(verdict.id ?? 0));
}

export function long(value: bigint | number): Long {
  return Long.fromString(value.toString(), true);
}
