// What all passes of one image share. Colours are linear light.
layout(std140) uniform Frame {
    mat4 clip_from_world;
    mat4 shadow_from_world;   // to the image's tile of the shadow atlas, 0 to 1
    vec4 shadow_tile;         // low x, low y, high x, high y of that tile; low > high: no shadows
    vec4 eye;                 // world
    vec4 light_direction;     // world, towards the light; w: exposure
    vec4 light_colour;        // w: offset in m against surfaces that shade themselves
    vec4 sky_colour;
    vec4 ground_colour;
    vec4 floor_corners;       // low x, low y, high x, high y of the floor that is drawn
    vec4 contacts[8];         // x, y, radius in m, strength: where bodies darken the floor
};
