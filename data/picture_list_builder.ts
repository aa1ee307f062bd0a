// Collecting the files of a data set, one after another, into columns that grow.

import { type PictureEntry, type PictureKind, PictureList, textKey } from "./picture_list.ts";

/** A typed array that doubles when it is full. */
class Column<Values extends Uint8Array | Uint16Array | Int32Array | Float64Array> {
  length = 0;
  #values: Values;
  readonly #make: (length: number) => Values;

  constructor(make: (length: number) => Values) {
    this.#make = make;
    this.#values = make(1024);
  }

  /** Makes room and gives the array. */
  reserve(more: number): Values {
    if (this.length + more > this.#values.length) {
      const larger = this.#make(Math.max(2 * this.#values.length, this.length + more));
      larger.set(this.#values);
      this.#values = larger;
    }
    return this.#values;
  }

  push(value: number): void {
    this.reserve(1)[this.length++] = value;
  }

  /** What has been pushed, without copying. */
  get values(): Values {
    return this.#values.subarray(0, this.length) as Values;
  }
}

/** Numbers for texts that repeat. */
class Interned {
  readonly texts: string[] = [];
  readonly #numbers = new Map<string, number>();
  #last = "";
  #lastNumber = -1;

  number(text: string): number {
    if (text === this.#last && this.#lastNumber >= 0) return this.#lastNumber;
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.texts.push(text) - 1;
      this.#numbers.set(text, number);
    }
    this.#last = text;
    this.#lastNumber = number;
    return number;
  }
}

/** Collects files; `finish` gives them ordered by path, whatever order the file system lists them in. */
export class PictureListBuilder {
  readonly #bytes = new Column((length) => new Uint8Array(length));
  readonly #starts = new Column((length) => new Int32Array(length));
  readonly #folders = new Column((length) => new Int32Array(length));
  readonly #kinds = new Column((length) => new Uint16Array(length));
  readonly #sources = new Column((length) => new Float64Array(length));
  readonly #videos = new Column((length) => new Int32Array(length));
  readonly #folderPaths = new Interned();
  readonly #videoPaths = new Interned();
  readonly #kindTable: PictureKind[] = [];
  readonly #kindNumbers = new Map<string, number>();
  readonly #joined = new Map<number, number>();
  readonly #encoder = new TextEncoder();

  /** Files so far. */
  get count(): number {
    return this.#folders.length;
  }

  /** Adds one file; `key` is its source's number where that is known already. */
  add({ folder, name, kind, source, video }: PictureEntry, key = textKey(source)): void {
    const bytes = this.#bytes.reserve(3 * name.length);
    this.#starts.push(this.#bytes.length);
    const { written } = this.#encoder.encodeInto(name, bytes.subarray(this.#bytes.length));
    this.#bytes.length += written;
    this.#folders.push(this.#folderPaths.number(folder));
    this.#kinds.push(this.#kindNumber(kind));
    this.#sources.push(key);
    this.#videos.push(video === "" ? -1 : this.#videoPaths.number(video));
  }

  /** Makes two sources one: what is made from the one must not be tested on where the other was trained on. */
  join(source: string, other: string): void {
    const [a, b] = [this.#root(textKey(source)), this.#root(textKey(other))];
    if (a !== b) this.#joined.set(Math.max(a, b), Math.min(a, b));
  }

  /** The list, ordered by path. */
  finish(): PictureList {
    this.#starts.push(this.#bytes.length);
    const sources = this.#sources.values;
    if (this.#joined.size > 0) {
      for (let i = 0; i < sources.length; i++) sources[i] = this.#root(sources[i]);
    }
    const unordered = new PictureList({
      names: { bytes: this.#bytes.values, starts: this.#starts.values },
      folders: this.#folders.values,
      folderPaths: this.#folderPaths.texts,
      kinds: this.#kinds.values,
      kindTable: this.#kindTable,
      sources,
      videos: this.#videos.values,
      videoPaths: this.#videoPaths.texts,
    });
    return unordered.select(orderByPath(unordered));
  }

  #kindNumber(kind: PictureKind): number {
    const key = `${kind.label} ${kind.split} ${kind.against}\0${kind.method}`;
    let number = this.#kindNumbers.get(key);
    if (number === undefined) {
      number = this.#kindTable.push(kind) - 1;
      this.#kindNumbers.set(key, number);
    }
    return number;
  }

  #root(key: number): number {
    let root = key;
    for (let next = this.#joined.get(root); next !== undefined; next = this.#joined.get(root)) {
      root = next;
    }
    return root;
  }
}

/** The rows of a list ordered by folder and name, numbers within names by their value: `9.png` before `10.png`. */
function orderByPath(list: PictureList): Int32Array {
  const { names: { bytes, starts }, folders, folderPaths } = list;
  const rank = new Int32Array(folderPaths.length);
  folderPaths.map((path, index) => ({ path, index }))
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
    .forEach(({ index }, place) => rank[index] = place);
  const digit = (byte: number): boolean => byte >= 48 && byte <= 57;
  const compare = (a: number, b: number): number => {
    const byFolder = rank[folders[a]] - rank[folders[b]];
    if (byFolder !== 0) return byFolder;
    let i = starts[a], j = starts[b];
    const endA = starts[a + 1], endB = starts[b + 1];
    while (i < endA && j < endB) {
      if (digit(bytes[i]) && digit(bytes[j])) {
        const fromA = i, fromB = j;
        while (i < endA && bytes[i] === 48) i++;
        while (j < endB && bytes[j] === 48) j++;
        let firstDifference = 0;
        for (; i < endA && j < endB && digit(bytes[i]) && digit(bytes[j]); i++, j++) {
          if (firstDifference === 0) firstDifference = bytes[i] - bytes[j];
        }
        if (i < endA && digit(bytes[i])) return 1;
        if (j < endB && digit(bytes[j])) return -1;
        if (firstDifference !== 0) return firstDifference;
        if (i - fromA !== j - fromB) return i - fromA - (j - fromB);
      } else {
        if (bytes[i] !== bytes[j]) return bytes[i] - bytes[j];
        i++;
        j++;
      }
    }
    return endA - i - (endB - j);
  };
  const rows = new Int32Array(list.count);
  for (let i = 0; i < rows.length; i++) rows[i] = i;
  return rows.sort(compare);
}
