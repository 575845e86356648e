// What has to be undone at the end, in reverse order of how it was done, whatever happened before.
// A step that fails is logged and does not keep the others from being done.
import { type Component } from '../core/component.js';
import { type Logger } from '../core/logger.js';

export class Teardown {
  readonly #logger: Logger;
  readonly #steps: { readonly name: string; readonly undo: () => unknown }[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** `undo` may answer a promise. */
  add(name: string, undo: () => unknown): void {
    this.#steps.push({ name, undo });
  }

  /** Starts a component that is stopped at the end, also when it fails to start. */
  async start<T extends Component>(component: T): Promise<T> {
    this.add(component.name, () => component.stop());
    await component.start();
    return component;
  }

  /** Undoes one step now, out of order, and forgets it. */
  async undo(name: string): Promise<void> {
    const index = this.#steps.findLastIndex((step) => step.name === name);
    const [step] = index < 0 ? [] : this.#steps.splice(index, 1);
    if (step !== undefined) await this.#undoStep(step);
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop())
      await this.#undoStep(step);
  }

  async #undoStep({ name, undo }: { readonly name: string; readonly undo: () => unknown }): Promise<void> {
    try {
      await undo();
    } catch (error) {
      this.#logger.error({ part: name, error }, 'a part could not be stopped cleanly');
    }
  }
}
