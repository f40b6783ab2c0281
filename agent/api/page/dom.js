// The few ways in which this page changes its document.
// Imports nothing.
// Invariant: data becomes text or an attribute, never markup: names are whatever somebody has sent.

/**
 * The element of the page with this id.
 * @template {typeof HTMLElement} Kind
 * @param {string} id
 * @param {Kind} kind
 * @returns {InstanceType<Kind>}
 */
export function find(id, kind) {
  const found = document.getElementById(id);
  if (found instanceof kind) return /** @type {InstanceType<Kind>} */ (found);
  throw new Error(`the page has no ${kind.name} #${id}`);
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Readonly<Record<string, string>>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Touches the document only when the text is another one. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** The same for an attribute; undefined takes it away. @param {Element} element @param {string} name @param {string | undefined} value */
export function setAttribute(element, name, value) {
  if (value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * Makes these the children behind the first `skip` ones, in this order. Those in their place are not touched, so they keep the focus.
 * @param {Element} parent
 * @param {readonly Element[]} children
 * @param {number} [skip]
 */
export function setChildren(parent, children, skip = 0) {
  const wanted = new Set(children);
  for (const present of [...parent.children].slice(skip)) if (!wanted.has(present)) present.remove();
  children.forEach((child, index) => {
    const present = parent.children[skip + index];
    if (present !== child) parent.insertBefore(child, present ?? null);
  });
}
