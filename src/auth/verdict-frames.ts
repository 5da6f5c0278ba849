// Frames of LaneToBridge, built in one preallocated buffer so that the answers to all requests of one read leave in
// one write. The answer to "no rule matched" is a template in which only the id changes.

/** A longer verdict frame loses its annotations: what is at most PIPE_BUF long is written in one piece on Linux. */
export const maxVerdictFrame = 4_096;

export const wireVerdict = { allow: 1, deny: 2, defer: 3 } as const;
export type WireVerdict = (typeof wireVerdict)[keyof typeof wireVerdict];

const noBytes = new Uint8Array(0);

/** The answers to one batch: `bytes` up to `length` is what goes into the verdict FIFO. */
export class VerdictFrames {
  readonly bytes: Uint8Array;
  length = 0;
  #template: Uint8Array = noBytes;
  #templateEpoch = -1;
  #templateId = 0;
  #isTemplateCacheable = false;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  clear(): void {
    this.length = 0;
  }

  /**
   * Allow, completely evaluated, no rule matched. `idAt` is the offset of the id in `source`; 0: the id is zero.
   * `isCacheable`: so it is for whoever asks about the same content.
   */
  unmatched(source: Uint8Array, idAt: number, epoch: number, isCacheable: boolean): void {
    if (epoch !== this.#templateEpoch || isCacheable !== this.#isTemplateCacheable) {
      const start = this.length;
      this.#templateId = this.#begin(source, idAt, epoch, wireVerdict.allow, isCacheable ? 4 : 2) - start;
      if (isCacheable) this.#flag(0x20);
      this.#flag(0x40);
      this.#template = this.bytes.slice(start, this.length);
      this.#templateEpoch = epoch;
      this.#isTemplateCacheable = isCacheable;
      return;
    }
    this.bytes.set(this.#template, this.length);
    this.#copyId(source, idAt, this.length + this.#templateId);
    this.length += this.#template.length;
  }

  /** "Ask again", on the slow lane or, with these hashes (one byte), on this one: no rule, no annotations. */
  defer(source: Uint8Array, idAt: number, epoch: number, hashes = 0): void {
    this.#begin(source, idAt, epoch, wireVerdict.defer, hashes === 0 ? 0 : 2);
    if (hashes !== 0) this.#hashes(hashes);
  }

  /**
   * A rule matched, so the audit is wanted (`report`). `rule` is the deciding one's name, empty when none decided.
   * True when the annotations are in the frame; otherwise it is not `annotated` and the event lane evaluates again.
   * `laneUs`: whole microseconds that the evaluation took. `hashes` (one byte): what the audit is to have besides.
   */
  matched(
    source: Uint8Array,
    idAt: number,
    epoch: number,
    verdict: WireVerdict,
    rule: Uint8Array,
    annotations: Uint8Array | undefined,
    laneUs: number,
    hashes = 0,
  ): boolean {
    // All but the two fields, their lengths included, takes less than 64 bytes.
    const ruleFits = rule.length > 0 && rule.length + 64 <= maxVerdictFrame;
    const ruleSize = ruleFits ? fieldSize(rule) : 0;
    const annotated = annotations !== undefined && ruleSize + annotations.length + 64 <= maxVerdictFrame;
    const annotationsSize = annotated && annotations.length > 0 ? fieldSize(annotations) : 0;
    const flagsSize = (annotated ? 4 : 2) + 1 + varintSize(laneUs) + (hashes === 0 ? 0 : 2);
    this.#begin(source, idAt, epoch, verdict, ruleSize + annotationsSize + flagsSize);
    if (ruleSize > 0) this.#field(0x2a, rule);
    if (annotated && annotationsSize > 0) this.#field(0x32, annotations);
    this.#flag(0x38);
    if (annotated) this.#flag(0x40);
    this.#byte(0x48);
    this.#varint(laneUs);
    if (hashes !== 0) this.#hashes(hashes);
    return annotated;
  }

  switched(epoch: number): void {
    this.#numberMessage(0x12, epoch);
  }

  /** `threadId`: of this thread, 0 where it has none to tell. */
  pong(number: number, threadId = 0): void {
    this.#numberMessage(0x1a, number, threadId);
  }

  /** Frame head, id, epoch and verdict of an AuthVerdict with `more` bytes to come. The offset of the id. */
  #begin(source: Uint8Array, idAt: number, epoch: number, verdict: WireVerdict, more: number): number {
    const verdictSize = 9 + 1 + varintSize(epoch) + 2 + more;
    this.#frameHead(1 + varintSize(verdictSize) + verdictSize);
    this.#byte(0x0a);
    this.#varint(verdictSize);
    this.#byte(0x09);
    const id = this.length;
    this.#copyId(source, idAt, id);
    this.length += 8;
    this.#byte(0x10);
    this.#varint(epoch);
    this.#byte(0x18);
    this.#byte(verdict);
    return id;
  }

  #copyId(source: Uint8Array, idAt: number, target: number): void {
    const bytes = this.bytes;
    for (let index = 0; index < 8; index += 1) {
      bytes[target + index] = idAt === 0 ? 0 : (source[idAt + index] ?? 0);
    }
  }

  #numberMessage(tag: number, number: number, second = 0): void {
    const size = 1 + varintSize(number) + (second > 0 ? 1 + varintSize(second) : 0);
    this.#frameHead(2 + size);
    this.#byte(tag);
    this.#byte(size);
    this.#byte(0x08);
    this.#varint(number);
    if (second === 0) return;
    this.#byte(0x10);
    this.#varint(second);
  }

  #frameHead(size: number): void {
    this.#byte(size & 0xff);
    this.#byte((size >>> 8) & 0xff);
    this.#byte((size >>> 16) & 0xff);
    this.#byte(size >>> 24);
  }

  #field(tag: number, value: Uint8Array): void {
    this.#byte(tag);
    this.#varint(value.length);
    this.bytes.set(value, this.length);
    this.length += value.length;
  }

  #hashes(hashes: number): void {
    this.#byte(0x50);
    this.#byte(hashes);
  }

  #flag(tag: number): void {
    this.#byte(tag);
    this.#byte(1);
  }

  #byte(value: number): void {
    this.bytes[this.length] = value;
    this.length += 1;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#byte((rest % 128) + 128);
      rest = Math.floor(rest / 128);
    }
    this.#byte(rest);
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

function fieldSize(value: Uint8Array): number {
  return 1 + varintSize(value.length) + value.length;
}
