/** `name@sha256:…`: the image is sold under its name and started from exactly this digest. */
const PINNED = /^([^@]+)@(sha256:[0-9a-f]{64})$/;

/** Whether an entry of SANDBOX_IMAGES is a name, or a name with a digest. */
export function isImageEntry(entry: string): boolean {
  return PINNED.test(entry) || !entry.includes('@');
}

/** The images that may be bought, and what the provider is asked for in place of each name. */
export function soldImages(config: {
  readonly SANDBOX_IMAGES: readonly string[];
  readonly SANDBOX_IMAGE_REFERENCES: ReadonlyMap<string, string>;
}): ReadonlyMap<string, string> {
  return new Map(
    config.SANDBOX_IMAGES.map((entry) => {
      const [, name = entry, digest] = PINNED.exec(entry) ?? [];
      return [name, config.SANDBOX_IMAGE_REFERENCES.get(name) ?? (digest === undefined ? name : `${withoutTag(name)}@${digest}`)];
    }),
  );
}

/** A digest says all; not every engine takes it together with a tag. */
function withoutTag(name: string): string {
  return name.replace(/:[^:/]+$/, '');
}
