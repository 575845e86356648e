// The part of the Reflect metadata proposal that the library of certificates looks for when it is loaded:
// values kept for a class, or one of its members, under a key. Import it before that library.

type Holder = object;

const kept = new WeakMap<Holder, Map<string, unknown>>();

function slot(key: unknown, member: unknown): string {
  return `${String(key)} ${String(member)}`;
}

function defineMetadata(key: unknown, value: unknown, target: Holder, member?: unknown): void {
  const ofTarget = kept.get(target) ?? new Map<string, unknown>();
  ofTarget.set(slot(key, member), value);
  kept.set(target, ofTarget);
}

function getOwnMetadata(key: unknown, target: Holder, member?: unknown): unknown {
  return kept.get(target)?.get(slot(key, member));
}

/** Looks at what the class inherits from, too. */
function getMetadata(key: unknown, target: Holder, member?: unknown): unknown {
  for (
    let holder: Holder | null = target;
    holder !== null;
    holder = Object.getPrototypeOf(holder) as Holder | null
  ) {
    const value = getOwnMetadata(key, holder, member);
    if (value !== undefined) return value;
  }
  return undefined;
}

function metadata(key: unknown, value: unknown) {
  return (target: Holder, member?: unknown): void => {
    defineMetadata(key, value, target, member);
  };
}

Object.assign(Reflect, { defineMetadata, getOwnMetadata, getMetadata, metadata });
