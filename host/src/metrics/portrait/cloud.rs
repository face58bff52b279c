//! Points in a plane: each of them where they are few, and how many are in each cell of a grid where they are many.

/// More points than this are drawn as cells: the eye tells them apart no longer, and a page of them has no bounds.
const MOST_POINTS: usize = 700;
const COLUMNS: usize = 48;
const ROWS: usize = 26;

/// The points of a run.
#[derive(Debug)]
pub struct Cloud {
    x: (f64, f64),
    y: (f64, f64),
    /// As long as they are few.
    points: Vec<(f64, f64)>,
    cells: Vec<u64>,
    beyond: u64,
}

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mark {
    /// One point.
    Point { x: f64, y: f64 },
    /// A cell from one corner to the other, and its points as a share of the fullest cell's.
    Cell { from: (f64, f64), to: (f64, f64), fullness: f64 },
}

impl Cloud {
    pub(super) fn new(x: (f64, f64), y: (f64, f64)) -> Cloud {
        Cloud { x, y, points: vec![], cells: vec![0; COLUMNS * ROWS], beyond: 0 }
    }

    pub(super) fn add(&mut self, x: f64, y: f64) {
        if y > self.y.1 {
            self.beyond += 1;
            return;
        }
        // One more than are drawn says that they are too many.
        if self.points.len() <= MOST_POINTS {
            self.points.push((x, y));
        }
        let column = cell(x, self.x, COLUMNS);
        self.cells[column + COLUMNS * cell(y, self.y, ROWS)] += 1;
    }

    /// All points, those beyond included.
    pub fn n(&self) -> u64 {
        self.cells.iter().sum::<u64>() + self.beyond
    }

    /// Points above the upper end.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// From the least to the greatest x that a point was to have.
    pub fn x(&self) -> (f64, f64) {
        self.x
    }

    /// The same for y.
    pub fn y(&self) -> (f64, f64) {
        self.y
    }

    /// What is to be drawn.
    pub fn marks(&self) -> Vec<Mark> {
        if self.points.len() <= MOST_POINTS {
            return self.points.iter().map(|&(x, y)| Mark::Point { x, y }).collect();
        }
        let fullest = self.cells.iter().copied().max().unwrap_or(1).max(1) as f64;
        let corner = |column: usize, row: usize| (at(column, self.x, COLUMNS), at(row, self.y, ROWS));
        let filled = self.cells.iter().enumerate().filter(|(_, count)| **count > 0);
        filled
            .map(|(index, &count)| {
                let (column, row) = (index % COLUMNS, index / COLUMNS);
                let (from, to) = (corner(column, row), corner(column + 1, row + 1));
                Mark::Cell { from, to, fullness: count as f64 / fullest }
            })
            .collect()
    }
}

fn cell(value: f64, (low, high): (f64, f64), cells: usize) -> usize {
    let share = (value - low) / (high - low).max(f64::MIN_POSITIVE);
    ((share * cells as f64) as usize).min(cells - 1)
}

fn at(cell: usize, (low, high): (f64, f64), cells: usize) -> f64 {
    low + (high - low) * cell as f64 / cells as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_points_are_points_and_many_are_cells() {
        let mut cloud = Cloud::new((0.0, 48.0), (0.0, 26.0));
        for _ in 0..MOST_POINTS {
            cloud.add(1.5, 2.5);
        }
        assert_eq!(cloud.marks().len(), MOST_POINTS);
        cloud.add(48.0, 26.0);
        cloud.add(3.0, 27.0);
        let marks = cloud.marks();
        assert_eq!(marks[0], Mark::Cell { from: (1.0, 2.0), to: (2.0, 3.0), fullness: 1.0 });
        assert!(matches!(marks[1], Mark::Cell { from: (47.0, 25.0), to: (48.0, 26.0), .. }));
        assert_eq!((marks.len(), cloud.n(), cloud.beyond()), (2, MOST_POINTS as u64 + 2, 1));
    }

    #[test]
    fn a_plane_without_width_takes_points() {
        let mut cloud = Cloud::new((5.0, 5.0), (0.0, 0.0));
        cloud.add(5.0, 0.0);
        assert_eq!(cloud.marks(), [Mark::Point { x: 5.0, y: 0.0 }]);
    }
}
