import type { AccessibleNode, Browser } from '../cli/browser.js';

/** Roles of what can be pressed, filled in or chosen, as Chromium names them. */
const controls = new Set([
  ...['button', 'ToggleButton', 'PopUpButton', 'ComboBoxMenuButton', 'DisclosureTriangle', 'link', 'menuitem', 'tab'],
  ...['checkbox', 'combobox', 'listbox', 'option', 'radio', 'searchbox', 'slider', 'spinbutton', 'switch', 'textbox'],
]);
/** Of what is seen: without a name it says nothing. */
const pictures = new Set(['img', 'image', 'graphics-document', 'graphics-symbol', 'SvgRoot', 'Canvas', 'meter']);

/** A page as a screen reader is told of it. */
export class SpokenPage {
  readonly #nodes: readonly AccessibleNode[];
  readonly #byId: ReadonlyMap<string, AccessibleNode>;

  static async of(browser: Browser): Promise<SpokenPage> {
    return new SpokenPage(await browser.accessibilityTree());
  }

  private constructor(nodes: readonly AccessibleNode[]) {
    this.#byId = new Map(nodes.map((node) => [node.nodeId, node]));
    this.#nodes = nodes.filter(({ ignored }) => !ignored);
  }

  /** Controls and pictures without a name. */
  get unnamed(): string[] {
    return this.#nodes.filter((node) => (controls.has(roleOf(node)) || pictures.has(roleOf(node))) && nameOf(node) === '').map(roleOf);
  }

  get controls(): string[] {
    return this.#nodes.filter((node) => controls.has(roleOf(node))).map(nameOf);
  }

  /** Levels in the order of the page. */
  get headings(): number[] {
    return this.#nodes.filter((node) => roleOf(node) === 'heading').map((node) => Number(property(node, 'level')));
  }

  get roles(): string[] {
    return this.#nodes.map(roleOf);
  }

  /** Names of tables that say nothing of a row or a column: without a header, or without a name. */
  get poorTables(): string[] {
    const tables = this.#nodes.filter((node) => ['table', 'grid'].includes(roleOf(node)));
    return tables
      .filter((table) => {
        const within = this.#nodes.filter((node) => node !== table && this.#ancestors(node).includes(table)).map(roleOf);
        return nameOf(table) === '' || !within.includes('columnheader') || !within.includes('rowheader');
      })
      .map(nameOf);
  }

  /** All text that is read aloud when it changes. */
  get announced(): string {
    const isLive = (node: AccessibleNode) => ['polite', 'assertive'].includes(String(property(node, 'live')));
    return this.#nodes
      .filter((node) => roleOf(node) === 'StaticText' && [node, ...this.#ancestors(node)].some(isLive))
      .map(nameOf)
      .join(' ');
  }

  #ancestors(node: AccessibleNode): AccessibleNode[] {
    const parent = this.#byId.get(node.parentId ?? '');
    return parent === undefined ? [] : [parent, ...this.#ancestors(parent)];
  }
}

function roleOf({ role }: AccessibleNode): string {
  return role?.value ?? '';
}

function nameOf({ name }: AccessibleNode): string {
  return name?.value.trim() ?? '';
}

function property({ properties = [] }: AccessibleNode, name: string): unknown {
  return properties.find((each) => each.name === name)?.value.value;
}
