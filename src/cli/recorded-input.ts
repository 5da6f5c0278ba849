// Recordings as a command reads them: with a progress bar, and with what could not be read told as file:line: reason.
import { stat } from 'node:fs/promises';
import { Option } from 'commander';
import type { Observable } from 'rxjs';
import type { FlowBatch } from '../operators/flow.ts';
import { type ReplayFault, type ReplayFormat, replaySource } from '../sources/replay.ts';
import { FaultReport } from './fault-report.ts';
import { startProgress } from './progress.ts';
import { boundYoungGeneration } from './young-generation.ts';

/** Events on their way at once: enough for every step to be busy, small against any memory. */
const MAX_UNSETTLED = 512;

/** A damaged file of gigabytes must not fill the terminal: all are counted, so many are shown. */
const MAX_FAULTS_SHOWN = 100;

export function formatOption(flag = '--format'): Option {
  return new Option(`${flag} <name>`, 'what the files hold (default: recognised)').choices([
    'eslogger',
    'ndjson',
    'picket',
  ]);
}

export interface RecordedInput {
  /** Some of the files, one after another. Every event has to be settled. */
  read(files: readonly string[]): Observable<FlowBatch>;
  /** Of what was read so far: lines and records that were no event, and files that could not be read. */
  faults(): number;
  /** One more, found later. */
  addFault(fault: ReplayFault): void;
  /** Takes the bar away and says how many faults were not shown. */
  finish(): void;
}

/** @param files all that will be read, for the progress bar to know the whole */
export async function openRecordings(
  files: readonly string[],
  { label, format }: { readonly label: string; readonly format?: ReplayFormat | undefined },
): Promise<RecordedInput> {
  const totalBytes = await sizeOf(files);
  const progress = startProgress({ label, unit: 'events' });
  const faults = new FaultReport(MAX_FAULTS_SHOWN, progress);
  const earlier = { bytes: 0, events: 0 };
  const current = { file: '', bytes: 0, events: 0 };
  return {
    read: (some) => {
      earlier.events += current.events;
      current.events = 0;
      return replaySource({
        files: some,
        ...(format === undefined ? {} : { format }),
        maxUnsettled: MAX_UNSETTLED,
        onFault: (fault) => faults.add(fault),
        onProgress: ({ file, readBytes, events }) => {
          boundYoungGeneration();
          if (file !== current.file) earlier.bytes += current.bytes;
          current.file = file;
          current.bytes = readBytes;
          current.events = events;
          const share = totalBytes === undefined ? undefined : (earlier.bytes + readBytes) / totalBytes;
          progress.update(share, earlier.events + events);
        },
      });
    },
    faults: () => faults.count,
    addFault: (fault) => faults.add(fault),
    finish: () => {
      progress.clear();
      faults.finish();
    },
  };
}

/** Undefined where it cannot be known: a pipe among the files. */
async function sizeOf(files: readonly string[]): Promise<number | undefined> {
  let bytes = 0;
  for (const file of files) {
    if (file === '-') return undefined;
    try {
      const found = await stat(file);
      if (!found.isFile()) return undefined;
      bytes += found.size;
    } catch {
      // Not there: the source reports it as a fault.
    }
  }
  return bytes === 0 ? undefined : bytes;
}
