// The command line that puts a command into its cgroup and its mount namespace before it becomes the
// command. A few lines of sh, because they must run between fork and exec, in the process itself. The
// command's words are passed as arguments, never as text of the script.

/** Programs the wrapper needs, by absolute path. */
export interface WrapperTools {
  readonly sh: string;
  readonly env: string;
  readonly mount: string;
  readonly unshare: string;
}

export interface Wrapping {
  /** The `cgroup.procs` to join; undefined: stay. */
  readonly cgroupProcs: string | undefined;
  /** File to lay over /etc/hosts; undefined: none. */
  readonly hostsFile: string | undefined;
}

/** Exit code when the wrapper could not do its work (EX_OSERR). */
export const WRAPPER_FAILED = 71;

// Positional parameters only: assigning a variable would change one that the environment has.
// Joining comes last, so that `mount` does not run in the workload's cgroup; 0 means "the writer".
const SCRIPT = `
[ -z "$3" ] || "$1" --bind "$3" /etc/hosts || exit ${String(WRAPPER_FAILED)}
[ -z "$2" ] || echo 0 > "$2" || exit ${String(WRAPPER_FAILED)}
shift 3
exec "$@"`;

/** Shells drop variables whose names they could not have, such as `npm_config_a-b`. */
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function wrapCommand(
  tools: WrapperTools,
  { cgroupProcs, hostsFile }: Wrapping,
  command: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>>,
): readonly [string, ...string[]] {
  if (cgroupProcs === undefined && hostsFile === undefined) return command;
  const shell = [tools.sh, '-c', SCRIPT, 'sluice', tools.mount, cgroupProcs ?? '', hostsFile ?? ''] as const;
  const words = [...shell, ...restoreVariables(tools, environment, command[0]), ...command] as const;
  if (hostsFile === undefined) return words;
  return [tools.unshare, '--mount', '--propagation', 'private', '--', ...words];
}

/** env(1) gives back what the shell dropped; it would take a program named `a=b` for a variable. */
function restoreVariables(
  tools: WrapperTools,
  environment: Readonly<Record<string, string>>,
  program: string,
): readonly string[] {
  const dropped = Object.entries(environment).filter(([name]) => !SHELL_NAME.test(name));
  if (dropped.length === 0 || program.includes('=')) return [];
  return [tools.env, ...dropped.map(([name, value]) => `${name}=${value}`)];
}
