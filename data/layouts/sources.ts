// Which original a forged video was made from, as the names of the known data sets tell.

/** The numbers of a FaceForensics++ forgery: the video that was changed, and the one whose face was put in. */
const FACE_FORENSICS = /^(\d{3})_(\d{3})$/;

/** Celeb-DF: identity, identity put in, number. */
const CELEB_DF = /^(id\d+)_id\d+_(\d{4})$/;

/** Google's DeepFakeDetection: actor, actor put in, scene, a random name. */
const ACTORS = /^(\d\d)_\d\d__(.+)__[0-9A-Z]{8}$/;

/** The name of the original that a video was made from; its own where it is none of the known forgeries. */
export function sourceOfVideo(name: string): string {
  const celeb = CELEB_DF.exec(name);
  if (celeb) return `${celeb[1]}_${celeb[2]}`;
  const actors = ACTORS.exec(name);
  if (actors) return `${actors[1]}__${actors[2]}`;
  return FACE_FORENSICS.exec(name)?.[1] ?? name;
}

/** The other original that is in a video, which therefore belongs to the same split; undefined without one. */
export function otherSourceOfVideo(name: string): string | undefined {
  return FACE_FORENSICS.exec(name)?.[2];
}
