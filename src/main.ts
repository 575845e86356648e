#!/usr/bin/env node
// Parses the command line, runs the command, ends with its exit code; nothing else.
import { systemCommands } from './cli/commands.js';
import { runCommandLine } from './cli/program.js';
import { ProcessTerminal } from './cli/terminal.js';

const terminal = new ProcessTerminal();
const code = await runCommandLine(process.argv.slice(2), systemCommands(terminal), terminal);
await terminal.flush();
process.exit(code);
