// A mesh file asked in memory: answers of the controller as plain JSON, and edits of the file while
// questions are open.
import assert from 'node:assert/strict';

import { type DescMessage, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf';

import type { MeshConfig } from '../../src/config/mesh-config.js';
import { formatMeshFileError, parseMeshFile } from '../../src/config/parse-mesh-file.js';
import type { Answer } from '../../src/controller/answer.js';
import { type FoundEndpoints, MeshView } from '../../src/controller/mesh-view.js';
import { MeshAnswers } from '../../src/controller/mesh-answers.js';
import { Watch } from '../../src/core/watch.js';

export function parsedMesh(text: string): MeshConfig {
  const parsed = parseMeshFile(text, 'mesh.yaml');
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.map(formatMeshFileError).join('\n'));
  return parsed.value;
}

export function viewOf(text: string, found?: FoundEndpoints): MeshView {
  return new MeshView(parsedMesh(text), found);
}

/** The message of an answer, as JSON. */
export function messageOf<Schema extends DescMessage>(
  schema: Schema,
  answer: Answer<MessageShape<Schema>>,
): JsonValue {
  if (answer.kind !== 'answer') assert.fail(`there is no answer: ${JSON.stringify(answer)}`);
  return toJson(schema, answer.value);
}

export function codeOf(answer: Answer<unknown>): number | undefined {
  return answer.kind === 'refusal' ? answer.code : undefined;
}

export interface OpenMesh {
  readonly answers: MeshAnswers;
  /** Puts another text of the file, or other endpoints of the name system, in force. */
  edit(text: string, found?: FoundEndpoints): void;
}

export function anOpenMesh(text: string, found?: FoundEndpoints): OpenMesh {
  const views = new Watch(viewOf(text, found));
  return {
    answers: new MeshAnswers(views),
    edit: (next, nextFound) => {
      views.set(viewOf(next, nextFound));
    },
  };
}
