// What a long-lived command does to this process and asks of it: signals, crashes, the data plane. The
// real ones; tests put others in their place.
import { type MessageInitShape } from '@bufbuild/protobuf';

import { type DataPlane } from '../dataplane/dataplane.js';
import { type SettingsSchema } from '../dataplane/gen/contract_pb.js';
import { loadAddon } from '../dataplane/load.js';
import { NativeDataPlane } from '../dataplane/native-dataplane.js';
import { type SignalSource } from './signal-relay.js';

export type DataPlaneSettings = MessageInitShape<typeof SettingsSchema>;

export interface OpenedDataPlane {
  readonly dataPlane: DataPlane;
  readonly versions: Readonly<Record<string, string>>;
}

/** `report` gets what listeners of events throw. Throws when the data plane cannot be had. */
export type DataPlaneOpener = (
  settings: DataPlaneSettings,
  report: (error: unknown) => void,
) => OpenedDataPlane;

/** Tells of errors that nobody handled; answers how to stop. */
export type CrashSource = (listener: (error: unknown) => void) => () => void;

export const openNativeDataPlane: DataPlaneOpener = (settings, report) => {
  const { addon, versions } = loadAddon();
  return { dataPlane: new NativeDataPlane(addon, settings, report), versions: { ...versions } };
};

export const processSignals: SignalSource = (signal, listener) => {
  process.on(signal, listener);
  return () => process.off(signal, listener);
};

export const processCrashes: CrashSource = (listener) => {
  process.on('uncaughtException', listener);
  process.on('unhandledRejection', listener);
  return () => {
    process.off('uncaughtException', listener);
    process.off('unhandledRejection', listener);
  };
};
