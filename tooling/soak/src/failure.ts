/** The heap did what it must not do. */
export class SoakFailure extends Error {
  override readonly name = "SoakFailure";
}
