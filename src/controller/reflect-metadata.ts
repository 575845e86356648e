// What @peculiar/x509 asks of Reflect through its dependency injection: metadata of classes, own and
// inherited. It must be there before that package is loaded, so this is imported before it. Nothing is
// replaced where it is there already.

interface MetadataReflection {
  defineMetadata?: (key: unknown, value: unknown, target: object) => void;
  getOwnMetadata?: (key: unknown, target: object) => unknown;
  getMetadata?: (key: unknown, target: object) => unknown;
}

const known = new WeakMap<object, Map<unknown, unknown>>();

function getMetadata(key: unknown, target: object): unknown {
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const own = known.get(at);
    if (own?.has(key) === true) return own.get(key);
  }
  return undefined;
}

const reflection = Reflect as MetadataReflection;
if (reflection.getMetadata === undefined) {
  reflection.defineMetadata = (key, value, target) => {
    const own = known.get(target) ?? new Map<unknown, unknown>();
    known.set(target, own.set(key, value));
  };
  reflection.getOwnMetadata = (key, target) => known.get(target)?.get(key);
  reflection.getMetadata = getMetadata;
}
