/** A problem with what the user gave; its message is one sentence for the page. */
export class InputError extends Error {
  override name = "InputError";
}

/** The sentence of an error for the page; errors that are no `InputError` are bugs, or the browser's own limits. */
export function sentence(error: unknown): string {
  if (error instanceof InputError) return error.message;
  const text = error instanceof Error ? error.message : String(error);
  if (/out of memory|allocat|invalid (typed )?array length/i.test(text)) {
    return `The browser has no memory left (${text}); close other tabs, or choose one chromosome as the region.`;
  }
  return `Unexpected error: ${text}; please report it with the name and the source of the file.`;
}
