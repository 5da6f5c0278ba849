// What the demo has started, mounted or written, undone in reverse order however it ends.

export type UndoStep = () => void | Promise<void>;

export class Undo {
  readonly #steps: { readonly what: string; readonly step: UndoStep }[] = [];

  add(what: string, step: UndoStep): void {
    this.#steps.push({ what, step });
  }

  /** Every step is tried; what failed is returned, a sentence for each. */
  async run(): Promise<readonly string[]> {
    const failures: string[] = [];
    for (let last = this.#steps.pop(); last !== undefined; last = this.#steps.pop()) {
      try {
        await last.step();
      } catch (error) {
        failures.push(`${last.what}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return failures;
  }
}
