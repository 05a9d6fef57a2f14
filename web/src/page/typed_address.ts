/** The address of a bigWig, kept behind the page's own address, where no server sees it. */

const NAME = "bigwig";

/** The address of a file in the fragment of the page's address, or null; a policy takes an address of a folder for all within. */
export function typedAddress(fragment: string): URL | null {
  const text = new URLSearchParams(fragment.slice(1)).get(NAME);
  const url = text && URL.canParse(text) ? new URL(text) : null;
  return url && /^https?:$/.test(url.protocol) && !url.pathname.endsWith("/") ? url : null;
}

/** The fragment of an address. */
export function asFragment(url: string): string {
  return `#${new URLSearchParams({ [NAME]: url })}`;
}
