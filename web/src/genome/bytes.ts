/** Bytes of a file on the user's disk or behind a URL, read in parts. */

import { InputError } from "../errors.ts";

/** A file that is read in parts. */
export interface Bytes {
  readonly name: string;
  readonly size: number;
  /** The bytes of `[offset, offset + length)`, which lie within the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A file that the user dropped or picked. */
export class FileBytes implements Bytes {
  readonly name: string;
  readonly size: number;

  constructor(private readonly file: File) {
    this.name = file.name;
    this.size = file.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    try {
      return new Uint8Array(await this.file.slice(offset, offset + length).arrayBuffer());
    } catch {
      throw new InputError(
        `${this.name}: the browser can no longer read it, as when a file is changed or moved; choose it again.`,
      );
    }
  }
}

/** A file behind a URL whose server answers requests for ranges of bytes. */
export class UrlBytes implements Bytes {
  readonly name: string;

  private constructor(
    private readonly url: string,
    readonly size: number,
  ) {
    this.name = fileName(url);
  }

  /** Ask the server for the size, which also shows that it knows ranges. */
  static async open(url: string): Promise<UrlBytes> {
    const answer = await request(url, { headers: range(0, 4) });
    if (answer.status === 416) return new UrlBytes(url, 0);
    if (answer.status !== 206) {
      await answer.body?.cancel();
      throw new InputError(
        `${fileName(url)}: the server answers ${answer.status} where a range of bytes was asked for (206 expected); ` +
          "download the file and drop it here.",
      );
    }
    const size = sizeOf(answer) ?? (await wholeSize(url));
    if (size === null) {
      throw new InputError(`${fileName(url)}: the server does not tell its size; download the file and drop it here.`);
    }
    return new UrlBytes(url, size);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const answer = await request(this.url, { headers: range(offset, length) });
    if ((sizeOf(answer) ?? this.size) !== this.size) {
      throw new InputError(`${this.name}: the file changed on its server while it was read; open it again.`);
    }
    const found = answer.status === 206 ? new Uint8Array(await answer.arrayBuffer()) : new Uint8Array(0);
    if (found.length !== length) {
      throw new InputError(
        `${this.name}: the server answered ${answer.status} with ${found.length} bytes where ${length} were asked ` +
          "for; download the file and drop it here.",
      );
    }
    return found;
  }
}

/** The last part of a URL's path. */
export function fileName(url: string): string {
  const last = new URL(url).pathname.split("/").pop() || url;
  try {
    return decodeURIComponent(last);
  } catch {
    return last; // A percent sign that stands for itself.
  }
}

function range(offset: number, length: number): HeadersInit {
  return { Range: `bytes=${offset}-${offset + length - 1}` };
}

/** The size of the whole file of which an answer is a part, where the server shows it. */
function sizeOf(answer: Response): number | null {
  const total = /\/(\d+)$/.exec(answer.headers.get("content-range") ?? "")?.[1];
  return total === undefined ? null : Number(total);
}

/** The size of a file as its server tells it to other pages even where it does not tell where a range lies. */
async function wholeSize(url: string): Promise<number | null> {
  const answer = await request(url, { method: "HEAD" });
  const length = answer.headers.get("content-length");
  return answer.ok && length !== null ? Number(length) : null;
}

async function request(url: string, asked: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...asked, credentials: "omit", referrerPolicy: "no-referrer" });
  } catch {
    throw new InputError(
      `${fileName(url)}: its server cannot be reached, or does not let other pages read it (CORS); download the file ` +
        "and drop it here.",
    );
  }
}
