// Values for made-up events: each is given once, so that a test can tell which were found again.

/** Hands out values; each is given once. */
export class Values {
  private last: number;

  constructor(seed: number) {
    this.last = 1000 + seed * 10_000;
  }

  number(): number {
    return ++this.last;
  }

  /** As inodes of the system volume: beyond 2^53. */
  big(): bigint {
    return 1152921500312000000n + BigInt(++this.last);
  }

  text(stem: string): string {
    return `${stem}-${++this.last}`;
  }

  path(stem: string): string {
    return `/Applications/Ünïcode ${++this.last}/${stem}`;
  }

  time(): string {
    const micros = String(++this.last % 1_000_000).padStart(6, '0');
    return `2026-10-04T17:50:${String(this.last % 60).padStart(2, '0')}.${micros}789Z`;
  }

  hex(bytes: number): string {
    return (++this.last).toString(16).padStart(bytes * 2, 'a0b1c2d3e4f5');
  }
}
