/** What went wrong with the auth lane; after those marked *, it has ended and its connection is to be closed. */
export type LaneFailure =
  | 'not_opened' // * a FIFO of the Welcome
  | 'not_compiled' // the running rules stay in force; * when it is the first rule set
  | 'bad_frame' // *
  | 'unprepared_epoch' // * the bridge switched to an epoch that no worker was prepared for
  | 'crashed' // * or, before its turn, a worker that was being prepared
  | 'superseded' // prepared, but a newer epoch came into force first
  | 'ended' // prepare() came when the lane had ended; the next connection has one of its own
  | 'refused'; // prepare() asked for what can't be done

export class LaneError extends Error {
  readonly failure: LaneFailure;
  readonly epoch: number;

  constructor(failure: LaneFailure, epoch: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LaneError';
    this.failure = failure;
    this.epoch = epoch;
  }
}
