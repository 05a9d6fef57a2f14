/** Files of the page's data, which `epizoo.web.page_data` writes. */

import { InputError } from "./errors.ts";

/** A file of the data, from the page whose folder has the address `base`. */
export async function fetchData(file: string, base: string): Promise<Response> {
  const response = await fetch(new URL(`data/${file}`, base));
  if (!response.ok) throw new InputError(`The page's server does not give ${file} (${response.status}); reload the page.`);
  return response;
}
