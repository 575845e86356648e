// Follows a mesh file while sluice runs. Notices edits in place, editors that replace the file by
// renaming, and swapped symbolic links: it compares what the path leads to, at once when its folder
// changes and every second in any case (other folders, network file systems). A file is read once it
// has stopped changing. A bad edit, or the file going away, keeps the configuration and says so once.
import { watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { CancelTimer, Clock } from '../core/clock.js';
import type { Component } from '../core/component.js';
import type { Logger } from '../core/logger.js';
import { failure, success, type Result } from '../core/result.js';
import { Watch, type ReadonlyWatch } from '../core/watch.js';
import type { MeshConfig } from './mesh-config.js';
import { formatMeshFileError, parseMeshFile, type MeshFileError } from './parse-mesh-file.js';

const POLL_MS = 1000;
/** A file must look the same for this long before it is read: half a file can be valid YAML. */
const SETTLE_MS = 50;

/** Calls back whenever something in the folder may have changed; answers how to stop. */
export type FolderWatch = (folder: string, onChange: () => void) => () => void;

export interface LoadedMeshFile {
  readonly file: string;
  readonly text: string;
  readonly config: MeshConfig;
}

/** Reads and parses a mesh file. A file that cannot be read is one mistake, at its beginning. */
export async function loadMeshFile(file: string): Promise<Result<LoadedMeshFile, readonly MeshFileError[]>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    return failure([{ file, line: 1, column: 1, path: '', message: `cannot be read: ${describe(error)}` }]);
  }
  const parsed = parseMeshFile(text, file);
  return parsed.ok ? success({ file, text, config: parsed.value }) : parsed;
}

export interface MeshFileWatcherOptions {
  readonly loaded: LoadedMeshFile;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly watchFolder?: FolderWatch;
}

export class MeshFileWatcher implements Component {
  readonly name = 'mesh-file';
  readonly #file: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #watchFolder: FolderWatch;
  readonly #config: Watch<MeshConfig>;
  /** What was last read, good or bad: the same text is not judged twice. */
  #text: string;
  /** What the path led to when it was last read; undefined: nothing. */
  #fingerprint: string | undefined;
  /** What the path led to when last looked at: it has settled when it is the same twice. */
  #seen: string | undefined;
  #unreadable = false;
  #stopFolderWatch: (() => void) | undefined;
  #cancelTimer: CancelTimer | undefined;
  #checking: Promise<void> | undefined;
  #checkAgain = false;
  #running = false;

  constructor(options: MeshFileWatcherOptions) {
    this.#file = options.loaded.file;
    this.#text = options.loaded.text;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#watchFolder = options.watchFolder ?? watchFolder;
    this.#config = new Watch(options.loaded.config);
  }

  /** The latest good configuration. */
  get config(): ReadonlyWatch<MeshConfig> {
    return this.#config;
  }

  start(): Promise<void> {
    this.#running = true;
    try {
      this.#stopFolderWatch = this.#watchFolder(dirname(this.#file), () => {
        this.#check();
      });
    } catch (error) {
      // Out of inotify watches, for example. Polling remains.
      this.#logger.debug({ file: this.#file, error: describe(error) }, 'watching by polling only');
    }
    // The file may have changed since it was loaded.
    this.#check();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#stopFolderWatch?.();
    this.#stopFolderWatch = undefined;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    await this.#checking;
  }

  /** One check at a time; a change noticed meanwhile leads to another one. */
  #check(): void {
    if (!this.#running) return;
    if (this.#checking !== undefined) {
      this.#checkAgain = true;
      return;
    }
    this.#cancelTimer?.();
    this.#checking = this.#compare().then((delayMs) => {
      this.#checking = undefined;
      if (!this.#running) return;
      const again = this.#checkAgain;
      this.#checkAgain = false;
      this.#cancelTimer = this.#clock.after(again ? SETTLE_MS : delayMs, () => {
        this.#check();
      });
    });
  }

  /** Answers after how long to look again. */
  async #compare(): Promise<number> {
    const fingerprint = await fingerprintOf(this.#file);
    if (fingerprint !== undefined && fingerprint === this.#fingerprint) return POLL_MS;
    if (fingerprint === undefined || fingerprint !== this.#seen) {
      // Gone (an editor may be about to put the new one there), or still being written.
      const gone = fingerprint === undefined && this.#seen === undefined;
      this.#seen = fingerprint;
      if (!gone) return SETTLE_MS;
    }
    return this.#read(fingerprint);
  }

  async #read(fingerprint: string | undefined): Promise<number> {
    const loaded = await readText(this.#file);
    if (!this.#running) return POLL_MS;
    if (!loaded.ok) {
      if (!this.#unreadable) {
        this.#logger.error(
          { file: this.#file, error: loaded.error },
          'the mesh file cannot be read; the last good configuration stays',
        );
      }
      this.#unreadable = true;
      this.#fingerprint = undefined;
      return POLL_MS;
    }
    if (this.#unreadable) this.#logger.info({ file: this.#file }, 'the mesh file can be read again');
    this.#unreadable = false;
    // Written between the comparison and the reading: look at it again when it is quiet.
    if ((await fingerprintOf(this.#file)) !== fingerprint) return SETTLE_MS;
    this.#fingerprint = fingerprint;
    if (loaded.value !== this.#text) this.#apply(loaded.value);
    return POLL_MS;
  }

  #apply(text: string): void {
    this.#text = text;
    const parsed = parseMeshFile(text, this.#file);
    if (parsed.ok) {
      this.#logger.info(
        { file: this.#file, services: parsed.value.services.length },
        'the mesh file has changed',
      );
      this.#config.set(parsed.value);
      return;
    }
    for (const error of parsed.error) {
      this.#logger.error({ place: formatMeshFileError(error) }, 'mistake in the mesh file');
    }
    this.#logger.error(
      { file: this.#file, mistakes: parsed.error.length },
      'the new mesh file is not used; the last good configuration stays',
    );
  }
}

async function readText(file: string): Promise<Result<string, string>> {
  try {
    return success(await readFile(file, 'utf8'));
  } catch (error) {
    return failure(describe(error));
  }
}

/** Differs when the path leads to another file or to other contents; undefined when it leads nowhere. */
async function fingerprintOf(file: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch {
    return undefined;
  }
}

function watchFolder(folder: string, onChange: () => void): () => void {
  const watcher = watch(folder, { persistent: false }, onChange);
  // The folder itself may be removed; polling goes on.
  watcher.on('error', () => {
    watcher.close();
  });
  return () => {
    watcher.close();
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
