import type { App, Image, ModalClient } from 'modal';

/**
 * The app and the built images, asked of Modal once each: a create then is a single call. Callers at the same time share
 * one request; a failed one is not kept.
 */
export class ModalCatalogue {
  private appInUse: Promise<App> | undefined;
  private readonly images = new Map<string, Promise<Image>>();

  constructor(
    private readonly client: ModalClient,
    private readonly appName: string,
  ) {}

  /** The app of this installation; made when it does not exist. */
  app(): Promise<App> {
    this.appInUse ??= this.client.apps.fromName(this.appName, { createIfMissing: true }).catch((error: unknown) => {
      this.appInUse = undefined;
      throw error;
    });
    return this.appInUse;
  }

  /** The image of a registry reference; built on Modal when it does not know it yet. */
  image(app: App, reference: string): Promise<Image> {
    const known = this.images.get(reference);
    if (known !== undefined) return known;
    const built = this.client.images
      .fromRegistry(reference)
      .build(app)
      .catch((error: unknown) => {
        this.images.delete(reference);
        throw error;
      });
    this.images.set(reference, built);
    return built;
  }

  /** Modal does not know the app, or this image, any more; they are asked for anew at the next use. */
  forget(reference?: string): void {
    this.appInUse = undefined;
    if (reference !== undefined) this.images.delete(reference);
  }
}
