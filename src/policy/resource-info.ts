// What policies call the things they speak of, for labels of metrics and for messages: the message
// Metadata of the API (reference, wire API §3 meta; behaviour §15). Built-in things have no group and are
// of kind `default`.

/** What routes belong to, what they are and where they lead; the groups `parent_*`, `route_*`, `backend_*`,
 * `srv_*` and `authz_*` of labels. */
export interface ResourceInfo {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Empty: all of them. */
  readonly port: string;
  readonly section: string;
}

/** Something that no resource of the cluster stands for. */
export function builtIn(name: string): ResourceInfo {
  return { group: '', kind: 'default', namespace: '', name, port: '', section: '' };
}

export function isBuiltIn({ group, kind }: ResourceInfo): boolean {
  return group === '' && kind === 'default';
}

/** `default.http`, `HTTPRoute.shop.web`, `Service.shop.web:80` (reference §7.5). */
export function resourceText(resource: ResourceInfo): string {
  const { kind, namespace, name, port } = resource;
  const parts = [kind, ...(namespace === '' ? [] : [namespace]), name];
  return `${parts.join('.')}${port === '' ? '' : `:${port}`}`;
}
