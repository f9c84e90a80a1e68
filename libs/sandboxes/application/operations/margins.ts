/** What the rows of an operation may take on top of its provider calls. */
export const DATABASE_MARGIN_MS = 5_000;
