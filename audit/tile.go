package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	tileHeight = 8
	// TileWidth is the number of hashes, or of leaves, in a full tile.
	TileWidth = 1 << tileHeight
	// Entries is the level of a tile that holds leaves instead of hashes.
	Entries = -1

	levelsMax  = 6    // tiles of hashes at levels 0 to 5 hold every perfect subtree of SizeMax leaves
	pathBase   = 1000 // a tile's number is spelt in groups of three digits
	groupsMax  = 4    // TileWidth * pathBase^groupsMax > SizeMax
	fullTile   = TileWidth * sha256.Size
	pathPrefix = "tile"
)

// ErrTilePath says that a path names no tile of this layout.
var ErrTilePath = errors.New("not a tile path")

// Tile names Width nodes from number Number·256 on, at level Level·8 of the tree; or as many leaves, if Level
// is Entries.
type Tile struct {
	Level  int
	Number uint64
	Width  int // 1 to TileWidth
}

// Path is the tile's path in c2sp.org/tlog-tiles: tile/0/x001/067, tile/entries/003.p/17.
func (t Tile) Path() string {
	path := t.file()
	if t.Width < TileWidth {
		path += ".p/" + strconv.Itoa(t.Width)
	}
	return path
}

// file is where the tile is on disk: a partial one is a prefix of the full one, so both are one file.
func (t Tile) file() string {
	name := fmt.Sprintf("%03d", t.Number%pathBase)
	for n := t.Number / pathBase; n > 0; n /= pathBase {
		name = fmt.Sprintf("x%03d/%s", n%pathBase, name)
	}
	return levelDir(t.Level) + "/" + name
}

func levelDir(level int) string {
	if level == Entries {
		return pathPrefix + "/entries"
	}
	return pathPrefix + "/" + strconv.Itoa(level)
}

// ParseTilePath accepts what Path makes and nothing else.
func ParseTilePath(path string) (Tile, error) {
	bad := fmt.Errorf("%w: %q", ErrTilePath, path)
	if len(path) > 64 {
		return Tile{}, fmt.Errorf("%w: %d bytes", ErrTilePath, len(path))
	}
	parts := strings.Split(path, "/")
	if len(parts) < 3 {
		return Tile{}, bad
	}
	t := Tile{Level: Entries, Width: TileWidth}
	if parts[1] != "entries" {
		level, err := strconv.Atoi(parts[1])
		if err != nil || level < 0 || level >= levelsMax {
			return Tile{}, bad
		}
		t.Level = level
	}
	groups := parts[2:]
	if last := len(groups) - 1; last > 0 && strings.HasSuffix(groups[last-1], ".p") {
		width, err := strconv.Atoi(groups[last])
		if err != nil || width < 1 || width >= TileWidth {
			return Tile{}, bad
		}
		t.Width = width
		groups = groups[:last]
		groups[last-1] = strings.TrimSuffix(groups[last-1], ".p")
	}
	if len(groups) > groupsMax {
		return Tile{}, bad
	}
	for _, group := range groups {
		n, err := strconv.ParseUint(strings.TrimPrefix(group, "x"), 10, 64)
		if err != nil || n >= pathBase {
			return Tile{}, bad
		}
		t.Number = t.Number*pathBase + n
	}
	if t.Path() != path {
		return Tile{}, bad
	}
	return t, nil
}

// lastTile returns the number of the tile that holds node count-1 of a level, and how many of the count it
// holds, 1 to TileWidth; 0, 0 if count is 0.
func lastTile(count uint64) (number uint64, width int) {
	if count == 0 {
		return 0, 0
	}
	number = (count - 1) / TileWidth
	return number, int(count - number*TileWidth)
}

// nodesAt is the number of complete nodes that a log of this size has at the level of a tile.
func nodesAt(level int, size uint64) uint64 {
	if level == Entries {
		return size
	}
	return size >> (tileHeight * uint(level))
}
