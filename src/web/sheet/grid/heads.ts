/** Names of columns, or numbers of rows: an element each, which stays with its column or row for as long as that is seen. */
import { make } from './set-once.ts';

interface Head {
  element: HTMLElement;
  index: number;
}

export interface Heads {
  /** How many were painted last. */
  readonly count: number;
  /** @param isSame nothing has changed for a head that is drawn already */
  paint(first: number, last: number, isSame: boolean, draw: (head: HTMLElement, index: number) => void): void;
  clear(): void;
}

export function createHeads(parent: HTMLElement, role: string | undefined): Heads {
  const heads: Head[] = [];

  function headAt(at: number): Head {
    let head = heads[at];
    if (head === undefined) {
      head = { element: make('div', '', role), index: -1 };
      heads[at] = head;
      parent.append(head.element);
    }
    return head;
  }

  return {
    get count() {
      return heads.length;
    },
    paint(first, last, isSame, draw) {
      const count = last - first + 1;
      for (let index = first; index <= last; index += 1) {
        const head = headAt(index % count);
        if (!isSame || head.index !== index) {
          head.index = index;
          draw(head.element, index);
        }
      }
      for (const { element } of heads.splice(count)) {
        element.remove();
      }
    },
    clear() {
      for (const { element } of heads.splice(0)) {
        element.remove();
      }
    },
  };
}
