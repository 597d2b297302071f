/** Setting what is set already costs a browser as much as setting it anew: these look first. */
export function make(name: string, className: string, role: string | undefined): HTMLElement {
  const element = document.createElement(name);
  element.className = className;
  if (role !== undefined) {
    element.role = role;
  }
  return element;
}

export function placeAt(element: HTMLElement, { x, y, width, height }: { x: number; y: number; width: number; height: number }): void {
  setStyle(element, 'transform', `translate(${x}px, ${y}px)`);
  setStyle(element, 'width', `${width}px`);
  setStyle(element, 'height', `${height}px`);
}

export function setStyle(element: HTMLElement, name: 'transform' | 'left' | 'width' | 'height', value: string): void {
  if (element.style[name] !== value) {
    element.style[name] = value;
  }
}

export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

export function setClass(element: HTMLElement, className: string): void {
  if (element.className !== className) {
    element.className = className;
  }
}

export function setAttribute(element: HTMLElement, name: string, value: string): void {
  if (element.getAttribute(name) !== value) {
    element.setAttribute(name, value);
  }
}
