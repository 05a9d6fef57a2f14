/**
 * The first script of the page: allows connections to the page's own server and to the address after `#bigwig=`, which
 * the user typed, and to nothing else. A policy can only be narrowed once it stands, so that another address needs a reload.
 */

import { typedAddress } from "./page/typed_address.ts";

const policy = document.createElement("meta");
policy.httpEquiv = "Content-Security-Policy";
policy.content = ["connect-src 'self' blob:", allowed(typedAddress(location.hash))].filter(Boolean).join(" ");
document.head.append(policy);

/** An address as a source of a policy, which ends at blanks, commas and semicolons. */
function allowed(url: URL | null): string {
  return url ? url.origin + url.pathname.replaceAll(";", "%3B").replaceAll(",", "%2C") : "";
}
