// Marble diagrams over what a test finds worth seeing of each value.
import { type RunHelpers, TestScheduler } from 'rxjs/testing';
import { expect } from 'vitest';

interface Message {
  readonly frame: number;
  readonly notification: { readonly kind: string; readonly value?: unknown };
}

/** `view` makes of an actual value what the diagram's values say. */
export function marbles<T>(view: (value: T) => unknown, picture: (helpers: RunHelpers) => void): void {
  const readable = (message: Partial<Message>): unknown =>
    message.notification?.kind === 'N'
      ? {
          ...message,
          notification: { ...message.notification, value: view(message.notification.value as T) },
        }
      : message;
  new TestScheduler((actual: Partial<Message>[], expected) =>
    expect(actual.map(readable)).toEqual(expected),
  ).run(picture);
}
