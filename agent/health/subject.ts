// What a check is of.
// Imports agent/model.

import type { Endpoint, Frontend } from '../model/service.js';

export interface Subject {
  readonly service: number;
  readonly frontend: Frontend;
  readonly backend: Endpoint;
  /** Where the backend is asked: its address with the check's port. */
  readonly at: Endpoint;
}
