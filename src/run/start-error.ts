// A start that cannot succeed, for a reason that is not a bug: said to the user, with the exit code.

export class StartError extends Error {
  override readonly name = 'StartError';
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
