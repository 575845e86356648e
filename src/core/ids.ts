// Numbers that name things across the border. Counted up from 1 and never given twice, so that a
// late event or a metric about something removed cannot be mistaken for something newer.

export class IdSequence {
  #last = 0;

  next(): number {
    this.#last += 1;
    return this.#last;
  }
}
