// What a command of the command line writes to, so that tests can read it.

export interface Terminal {
  /** Answers of commands. Ends lines itself where needed. */
  out(text: string): void;
  /** Messages for people. */
  err(text: string): void;
}

/**
 * The standard streams of this process. Not even opened before something is written: node would make
 * them non-blocking, for the command that inherits them too.
 */
export class ProcessTerminal implements Terminal {
  #wrote = false;

  out(text: string): void {
    if (!this.#wrote) {
      // A reader that has seen enough (`| head`) is no error.
      process.stdout.on('error', () => undefined);
    }
    this.#wrote = true;
    process.stdout.write(text);
  }

  err(text: string): void {
    process.stderr.write(text);
  }

  /** Resolves when a pipe has taken everything, or will take nothing more. */
  flush(): Promise<void> {
    if (!this.#wrote) return Promise.resolve();
    return new Promise((resolve) => {
      process.stdout.write('', () => {
        resolve();
      });
    });
  }
}

/** One message per line, each with the name of the command in front. */
export function reportErrors(terminal: Terminal, command: string, errors: readonly string[]): void {
  for (const error of errors) terminal.err(`${command}: ${error}\n`);
}
