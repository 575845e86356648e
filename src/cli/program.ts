// The command line: names, options and help of every command (commander), and which function does it.
// Parsing never exits and never stops at the first mistake; main() answers the exit code.
import { Command, CommanderError, type Option } from 'commander';

import { closest } from '../core/closest.js';
import { formatHostPort, type HostPort } from '../core/ip.js';
import { DEFAULT_CONTROLLER } from '../controller/controller-options.js';
import { EX_USAGE } from '../run/exit-codes.js';
import { DEFAULT_ADMIN } from '../run/run-options.js';
import { type RawFilter } from '../why/failure-filter.js';
import { leftoverErrors, type SplitArguments, splitArguments } from './arguments.js';
import { type RawControllerOptions } from './controller-options.js';
import { ADMIN_EXPECTED, parseAdminAddress, type RawRunOptions } from './run-options.js';
import { reportErrors, type Terminal } from './terminal.js';

/** What each command does; each answers the exit code. Loaded by main.ts when it is needed. */
export interface Commands {
  run(raw: RawRunOptions, command: readonly string[], usageErrors: readonly string[]): Promise<number>;
  proxy(usageErrors: readonly string[]): Promise<number>;
  controller(raw: RawControllerOptions, usageErrors: readonly string[]): Promise<number>;
  doctor(json: boolean): Promise<number>;
  metrics(admin: HostPort): Promise<number>;
  routes(admin: HostPort, json: boolean): Promise<number>;
  /** `admin` is undefined when it is among the errors. */
  why(
    admin: HostPort | undefined,
    filter: RawFilter,
    json: boolean,
    usageErrors: readonly string[],
  ): Promise<number>;
  version(): Promise<number>;
}

/**
 * Values are declared optional so that a missing one does not end the parsing; the help shows them as
 * the required ones they are.
 */
function term(option: Option): string {
  return option.flags.replace('[', '').replace(']', '');
}

function bare(name: string): Command {
  return new Command(name)
    .allowUnknownOption()
    .allowExcessArguments()
    .exitOverride()
    .configureHelp({ optionTerm: term })
    .helpOption('-h, --help', 'show this help');
}

const ADMIN_FLAGS = '--admin [ADDRESS:PORT]';
const ADMIN_HELP = `its admin server (default: ${formatHostPort(DEFAULT_ADMIN)})`;

interface AdminOptions {
  readonly admin?: string | true;
  readonly json?: boolean;
}

class CommandLine {
  readonly #commands: Commands;
  readonly #terminal: Terminal;
  readonly #args: SplitArguments;
  #outcome: Promise<number> | undefined;

  constructor(commands: Commands, terminal: Terminal, argv: readonly string[]) {
    this.#commands = commands;
    this.#terminal = terminal;
    this.#args = splitArguments(argv);
  }

  async run(): Promise<number> {
    try {
      await this.#program().parseAsync([...this.#args.own], { from: 'user' });
      return (await this.#outcome) ?? EX_USAGE;
    } catch (error) {
      // Help was shown; commander has printed what there is to say.
      if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EX_USAGE;
      throw error;
    }
  }

  #refuse(command: string, errors: readonly string[]): Promise<number> {
    reportErrors(this.#terminal, command, [...errors, `\`${command} --help\` shows how it is used`]);
    return Promise.resolve(EX_USAGE);
  }

  #leftovers(command: Command): string[] {
    const known = command.options.flatMap((option) => (option.long == null ? [] : [option.long]));
    return leftoverErrors(command.args, [...known, '--help']);
  }

  #program(): Command {
    const program = bare('sluice')
      .description(
        'An eBPF-assisted transparent proxy: runs a command and meshes its TCP and HTTP/1 traffic.',
      )
      .usage('COMMAND [OPTIONS] [-- CMD [ARG…]]')
      .enablePositionalOptions()
      .helpCommand(true)
      .option('-V, --version', 'show the versions of sluice and of what it is made of')
      .configureOutput({
        writeOut: (text) => {
          this.#terminal.out(text);
        },
        writeErr: (text) => {
          this.#terminal.err(text);
        },
      });
    const commands = [
      this.#run(),
      this.#proxy(),
      this.#controller(),
      this.#doctor(),
      this.#metrics(),
      this.#routes(),
      this.#why(),
    ];
    for (const command of commands) {
      program.addCommand(command.copyInheritedSettings(program).helpOption('-h, --help', 'show this help'));
    }
    return program.action((options: { version?: boolean }) => {
      if (options.version === true) this.#outcome = this.#commands.version();
      else this.#outcome = this.#unknown(program);
    });
  }

  #unknown(program: Command): Promise<number> {
    const [first] = program.args;
    if (first === undefined) program.help({ error: true });
    if (first.startsWith('-')) return this.#refuse('sluice', this.#leftovers(program));
    const meant = closest(
      first,
      program.commands.map((command) => command.name()),
    );
    return this.#refuse('sluice', [
      `unknown command "${first}"${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    ]);
  }

  #run(): Command {
    const command = bare('run')
      .description('Run CMD in a cgroup of its own with its traffic through the proxy; exit with its code.')
      .usage('[OPTIONS] -- CMD [ARG…]')
      .option('-c, --config [FILE]', 'the mesh file (YAML); edits are picked up while running')
      .option('-i, --inbound [PORT...]', 'ports of CMD whose incoming connections go through the proxy too')
      .option('--admin [ADDRESS:PORT]', `admin server, or off (default: ${formatHostPort(DEFAULT_ADMIN)})`)
      .option('--require-ebpf', 'fail (69) rather than capture without eBPF')
      .option('--no-ebpf', 'do not use eBPF: explicit listeners and an HTTP proxy')
      .option('--redirected-port [PORT]', 'listen where an existing NAT redirect sends connections')
      .option('--workers [N]', 'threads of the data plane (default: one per processor, at most 4)')
      .option('--poller [NAME]', 'epoll or libuv')
      .option('--log-level [LEVEL]', 'trace, debug, info, warn, error or off (default: info)')
      .option('--log-format [FORMAT]', 'plain or json (default: plain)');
    const inbound = command.options.find((option) => option.long === '--inbound');
    inbound?.argParser((port: string, ports: readonly string[] | undefined) => [...(ports ?? []), port]);
    return command.action((raw: RawRunOptions) => {
      const errors = this.#leftovers(command);
      this.#outcome = this.#commands.run(raw, this.#args.command ?? [], errors);
    });
  }

  #proxy(): Command {
    const command = bare('proxy')
      .description(
        "Run as the sidecar that Linkerd's injector configures (LINKERD2_PROXY_*) and its controllers drive.",
      )
      .usage('')
      .addHelpText('after', '\nThere are no options: docs/environment.md has every variable.');
    return command.action(() => {
      this.#outcome = this.#commands.proxy(this.#leftovers(command));
    });
  }

  #controller(): Command {
    const command = bare('controller')
      .description("Serve Linkerd's destination, policy and identity APIs from a mesh file.")
      .option('-c, --config [FILE]', 'the mesh file (YAML), required; edits are picked up while running')
      .option('--listen [ADDRESS:PORT]', `where to listen (default: ${formatHostPort(DEFAULT_CONTROLLER)})`)
      .option('--ca-dir [DIR]', 'folder of the certificate authority; made when it is first needed')
      .option('--log-level [LEVEL]', 'trace, debug, info, warn, error or off (default: info)')
      .option('--log-format [FORMAT]', 'plain or json (default: plain)');
    return command.action((raw: RawControllerOptions) => {
      this.#outcome = this.#commands.controller(raw, this.#leftovers(command));
    });
  }

  #doctor(): Command {
    const command = bare('doctor')
      .description('Say how traffic would be captured on this host, and what is missing for better.')
      .option('--json', 'print facts and plan as JSON');
    return command.action((options: { json?: boolean }) => {
      const errors = this.#leftovers(command);
      this.#outcome =
        errors.length > 0
          ? this.#refuse('sluice doctor', errors)
          : this.#commands.doctor(options.json === true);
    });
  }

  #metrics(): Command {
    const command = bare('metrics').description('Print the metrics of a running sluice.');
    return this.#asking(command, (admin) => this.#commands.metrics(admin));
  }

  #routes(): Command {
    const command = bare('routes')
      .description('Print where a running sluice sends traffic, and the state of each endpoint.')
      .option('--json', 'print JSON');
    return this.#asking(command, (admin, options) => this.#commands.routes(admin, options.json === true));
  }

  #why(): Command {
    const command = bare('why')
      .description('Print what failed of late in a running sluice, and why. Newest first.')
      .option('--reason [REASON]', 'only this reason, such as connect_refused')
      .option('--service [NAME]', 'only this service, such as web or web:80')
      .option('--destination [ADDRESS]', 'only where clients wanted to go, with or without the port')
      .option('--since [DURATION]', 'only what happened this long ago at most, such as 30s or 5m')
      .option('--limit [N]', 'at most so many (default: 100)')
      .option('--json', 'print JSON')
      .option(ADMIN_FLAGS, ADMIN_HELP);
    return command.action((options: AdminOptions & RawFilter) => {
      const { admin: text, json, ...filter } = options;
      const { admin, errors } = this.#adminOf(command, text);
      this.#outcome = this.#commands.why(admin, filter, json === true, errors);
    });
  }

  /** A command that asks the admin server of a running sluice. */
  #asking(command: Command, ask: (admin: HostPort, options: AdminOptions) => Promise<number>): Command {
    command.option(ADMIN_FLAGS, ADMIN_HELP);
    return command.action((options: AdminOptions) => {
      const { admin, errors } = this.#adminOf(command, options.admin);
      this.#outcome =
        admin === undefined || errors.length > 0
          ? this.#refuse(`sluice ${command.name()}`, errors)
          : ask(admin, options);
    });
  }

  /** Where the admin server is, and what is wrong with the command line so far. */
  #adminOf(
    command: Command,
    text: AdminOptions['admin'],
  ): { readonly admin: HostPort | undefined; readonly errors: readonly string[] } {
    const errors = this.#leftovers(command);
    const admin = typeof text === 'string' ? parseAdminAddress(text) : DEFAULT_ADMIN;
    if (text === true) errors.push(`--admin needs a value: ${ADMIN_EXPECTED}`);
    else if (admin === undefined) errors.push(`--admin: "${String(text)}" is not ${ADMIN_EXPECTED}`);
    return { admin, errors };
  }
}

/** Runs the command line; answers the exit code. */
export function runCommandLine(
  argv: readonly string[],
  commands: Commands,
  terminal: Terminal,
): Promise<number> {
  return new CommandLine(commands, terminal, argv).run();
}
