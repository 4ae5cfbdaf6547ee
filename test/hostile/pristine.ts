const prototypes = [
  Object.prototype,
  Array.prototype,
  String.prototype,
  Number.prototype,
  Function.prototype,
  Map.prototype,
]

/** A check that no prototype of JavaScript's own has changed since. */
export function pristine(): () => boolean {
  const before = prototypes.map(pictureOf)
  return () => prototypes.every((prototype, index) => same(before[index]!, pictureOf(prototype)))
}

type Picture = ReadonlyMap<PropertyKey, PropertyDescriptor>

function pictureOf(prototype: object): Picture {
  return new Map(Reflect.ownKeys(prototype).map((key) => [key, Object.getOwnPropertyDescriptor(prototype, key)!]))
}

function same(before: Picture, now: Picture): boolean {
  return (
    before.size === now.size &&
    [...now].every(([key, { value, get }]) => {
      const old = before.get(key)
      return old !== undefined && Object.is(old.value, value) && old.get === get
    })
  )
}
